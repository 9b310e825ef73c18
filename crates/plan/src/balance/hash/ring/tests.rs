use super::*;

fn counts_of(weights: &[u32], vnodes: u32) -> Vec<u64> {
    let node = |&weight| Node { name: "", weight, position: 0 };
    counts(&weights.iter().map(node).collect::<Vec<_>>(), vnodes)
}

#[test]
fn points_are_in_proportion_to_weights_and_the_middle_one_has_what_is_asked_for() {
    for (weights, vnodes, expected) in [
        (&[1, 1, 1][..], 160, &[160, 160, 160][..]),
        (&[7, 7], 160, &[160, 160]),
        (&[1, 2, 3], 160, &[80, 160, 240]),
        (&[1, 1, 4], 100, &[100, 100, 400]),
        // Nobody has none.
        (&[1, 65_535, 65_535], 160, &[1, 160, 160]),
        (&[1], 1, &[1]),
        (&[], 160, &[]),
    ] {
        assert_eq!(counts_of(weights, vnodes), expected, "{weights:?}");
    }
}

#[test]
fn there_are_never_too_many_points() {
    let halved = counts_of(&vec![1; 10_000], 1000);
    assert!(halved.iter().all(|&count| count == 250), "{}", halved[0]);
    for weights in [vec![1, 1, u32::MAX], vec![u32::MAX; 1000], [1, u32::MAX].repeat(5000)] {
        let total: u64 = counts_of(&weights, VNODES_MAX).iter().sum();
        assert!(total <= POINTS_MAX as u64, "{total}");
    }
    // Nor one for each less, however many there are.
    assert_eq!(counts_of(&vec![1; POINTS_MAX + 1], 160).iter().sum::<u64>(), 1 + (1 << 22));
}

#[test]
fn the_index_finds_what_a_search_through_all_points_finds() {
    for (count, vnodes) in [(0, 1), (1, 1), (1, 2), (3, 1), (7, 160), (100, 160)] {
        let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        let node = |name| Node { name, weight: 1, position: 0 };
        let nodes: Vec<Node<'_>> = names.iter().map(|name| node(name)).collect();
        let (ring, hashes) = (Ring::new(&nodes, vnodes), hashes(&in_order(&nodes), vnodes));
        // The point nearest to another is still a thousand times farther away than what is forgotten.
        let forgotten = 1 << (32 - ring.bits);
        let near = hashes.iter().flat_map(|&(hash, _)| {
            [hash.wrapping_sub(forgotten), hash, hash.wrapping_add(forgotten)]
        });
        let any = (0..1000).map(|number| mix(9, number));
        for hash in near.chain(any).chain([0, 1, u64::MAX]) {
            let expected = hashes.partition_point(|&(point, _)| point < hash);
            assert_eq!(ring.next(hash), expected, "{count} nodes, {hash:#x}");
        }
    }
}

/// The share of each of `weights` of the circle, by exact lengths, relative to what is due. Names differ by `set`.
fn shares(set: u32, weights: &[u32], vnodes: u32) -> Vec<f64> {
    let names: Vec<String> =
        (0..weights.len()).map(|number| format!("{set}-{number}:80")).collect();
    let node = |((position, name), &weight)| Node { name, weight, position };
    let nodes: Vec<Node<'_>> =
        (0..).zip(names.iter().map(String::as_str)).zip(weights).map(node).collect();
    let in_order = in_order(&nodes);
    let hashes = hashes(&in_order, vnodes);
    let mut shares = vec![0.0; weights.len()];
    let mut last = hashes.last().map_or(0, |&(hash, _)| hash);
    for &(hash, owner) in &hashes {
        shares[in_order[owner as usize].position as usize] += hash.wrapping_sub(last) as f64;
        last = hash;
    }
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let due = |weight: u32| 2_f64.powi(64) * f64::from(weight) / total;
    shares.iter().zip(weights).map(|(share, &weight)| share / due(weight)).collect()
}

#[test]
fn shares_differ_by_one_over_the_root_of_the_points_of_each() {
    for vnodes in [100, 160, 1000] {
        let shares = shares(0, &[1; 100], vnodes);
        let variance = shares.iter().map(|share| (share - 1.0).powi(2)).sum::<f64>() / 100.0;
        let ratio = variance.sqrt() * f64::from(vnodes).sqrt();
        assert!((0.75..1.25).contains(&ratio), "{vnodes}: {ratio}");
    }
}

/// One ring misses the weights by its variance (here up to 14 % for the lightest), so this is the mean of forty: 2 %.
#[test]
fn weights_are_met_in_the_mean() {
    let weights = [1, 2, 3, 4, 5];
    let rings = (0..40).map(|set| shares(set, &weights, 160));
    let sums = rings.fold([0.0; 5], |mut sums, shares| {
        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
        sums
    });
    for (sum, weight) in sums.into_iter().zip(weights) {
        let mean = sum / 40.0;
        assert!((0.93..1.07).contains(&mean), "{weight}: {mean}");
    }
}
