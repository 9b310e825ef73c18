//! The hash of names and keys. It must never change: another one would send every key somewhere else, and two replicas of
//! different versions would not agree.

use twox_hash::XxHash3_64;

/// XXH3 with 64 bits and seed 0 (xxHash's specification, stable since its version 0.8.0).
pub fn hash(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Makes one number of two, as random as a hash. For the same `seed`, different numbers give different results.
///
/// It is the step of SplitMix64 (Steele, Lea and Flood, OOPSLA '14), the `number`th after `seed`.
pub fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number below `bound`, in proportion to where `hash` lies among all 64-bit numbers. Cheaper than a remainder.
pub fn scale(hash: u64, bound: u32) -> u32 {
    // Below `bound`, so it fits.
    ((u128::from(hash) * u128::from(bound)) >> 64) as u32
}

/// A number between 0 and 1, neither of which it is: 52 bits and a half are exact in the 53 of an `f64`.
pub fn fraction(hash: u64) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 52) as f64;
    ((hash >> 12) as f64 + 0.5) * STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths are those at which XXH3 changes its way.
    #[test]
    fn the_hash_is_the_one_it_has_always_been() {
        let text: Vec<u8> = (0..=255).cycle().take(1024).collect();
        for (length, expected) in [
            (0, 0x2d06_8005_38d3_94c2),
            (1, 0xc44b_dff4_074e_ecdb),
            (3, 0x5f42_99fc_161c_9cbb),
            (4, 0x60da_b036_a582_11f2),
            (8, 0x3a1c_2d7c_85af_88f8),
            (9, 0xe961_2598_145b_b9dc),
            (16, 0x8355_e3a6_f617_70db),
            (17, 0x9ef3_41a9_9de3_7328),
            (128, 0x85c6_174c_7ff4_c46b),
            (129, 0xec76_42b4_31ba_3e5a),
            (240, 0x375a_384d_957f_e865),
            (241, 0x02e8_cd95_421c_6d02),
            (512, 0x1059_105a_d19b_fa09),
            (1024, 0xa870_f929_8439_8d22),
        ] {
            assert_eq!(
                hash(&text[..length]),
                expected,
                "{length}: {:#018x}",
                hash(&text[..length])
            );
        }
    }

    /// The first numbers of SplitMix64 with seed 1234567, as its author's program gives them.
    #[test]
    fn the_mixture_is_the_one_it_has_always_been() {
        for (number, expected) in [
            (1, 6_457_827_717_110_365_317),
            (2, 3_203_168_211_198_807_973),
            (3, 9_817_491_932_198_370_423),
            (4, 4_593_380_528_125_082_431),
            (5, 16_408_922_859_458_223_821),
        ] {
            assert_eq!(mix(1_234_567, number), expected);
        }
    }

    #[test]
    fn a_fraction_is_never_nothing_and_never_all() {
        assert!(fraction(0) > 0.0 && fraction(u64::MAX) < 1.0);
        assert_eq!(fraction(u64::MAX / 2 + 1), 0.5 + f64::EPSILON / 2.0);
    }

    #[test]
    fn a_scaled_number_is_below_its_bound_and_in_proportion() {
        for (hash, bound, expected) in [
            (0, 10, 0),
            (u64::MAX, 10, 9),
            (u64::MAX / 2 + 1, 10, 5),
            (u64::MAX, 1, 0),
            (u64::MAX, u32::MAX, u32::MAX - 1),
        ] {
            assert_eq!(scale(hash, bound), expected);
        }
    }
}
