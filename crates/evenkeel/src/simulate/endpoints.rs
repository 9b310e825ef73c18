//! Endpoints as they are written on the command line: how many or who, how much each does at once, and how fast. Parsed for `args`.

use std::str::FromStr;

use evenkeel_sim::{ENDPOINTS_MAX, EndpointModel};

use crate::units;

/// `5`, or `a,b*3,!c`. How much each does at once is for others to say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Endpoints(pub(super) Vec<EndpointModel>);

impl FromStr for Endpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let models = match text.parse::<usize>() {
            Ok(count) if count <= ENDPOINTS_MAX => EndpointModel::several(count, None),
            Ok(_) => Vec::new(),
            Err(_) => {
                text.split(',').map(|each| endpoint(each.trim())).collect::<Result<_, _>>()?
            }
        };
        if (1..=ENDPOINTS_MAX).contains(&models.len()) {
            return Ok(Self(models));
        }
        Err(format!("there may be 1 to {ENDPOINTS_MAX} endpoints"))
    }
}

/// `a`, `b*3` or `!c`, as `serve` writes them.
fn endpoint(text: &str) -> Result<EndpointModel, String> {
    let (backup, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let (name, weight) = match rest.split_once('*') {
        Some((name, weight)) => (name, units::weight(weight)?),
        None => (rest, 1),
    };
    // What events could not name.
    if name.is_empty()
        || name == "all"
        || name.contains(|c: char| c.is_whitespace() || "@=".contains(c))
    {
        return Err(format!("`{text}` is no endpoint; write a name, such as `a`, `b*3` or `!c`"));
    }
    Ok(EndpointModel { weight, backup, ..EndpointModel::new(name, None) })
}

/// A count that may be without bound: `10` or `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound(pub(super) Option<u32>);

impl Bound {
    pub(super) fn at_least_one(text: &str) -> Result<Self, String> {
        match Self::any_count(text) {
            Ok(Self(Some(0))) | Err(_) => Err(format!("write 1 to {}, or `any`", u32::MAX)),
            bound => bound,
        }
    }

    pub(super) fn any_count(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self(None));
        }
        let count = text.parse().map_err(|_| format!("write 0 to {}, or `any`", u32::MAX))?;
        Ok(Self(Some(count)))
    }
}

/// `1,1,0.5`: one for each endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Speeds(pub(super) Vec<f64>);

impl FromStr for Speeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed = |word: &str| {
            let read =
                word.trim().parse().ok().filter(|speed| *speed > 0.0 && f64::is_finite(*speed));
            read.ok_or_else(|| {
                format!("`{word}` is no speed; write a number above 0, such as 1 or 0.5")
            })
        };
        Ok(Self(text.split(',').map(speed).collect::<Result<_, _>>()?))
    }
}

/// Reads a share that may be more than the whole: `80%` as 0.8, `150%` as 1.5.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    number
        .filter(|percent| *percent > 0.0 && percent.is_finite())
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("`{text}` is no share of what the endpoints can do, such as `80%`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_counted_or_named_with_weights_and_backups() {
        let read = |text: &str| text.parse::<Endpoints>().unwrap().0;
        assert_eq!(read("3"), EndpointModel::several(3, None));
        let facts: Vec<_> = read("a, b*3,!c*0,10.0.0.1:80")
            .into_iter()
            .map(|model| (model.name, model.weight, model.backup))
            .collect();
        let expected =
            [("a", 1, false), ("b", 3, false), ("c", 0, true), ("10.0.0.1:80", 1, false)];
        assert_eq!(facts, expected.map(|(name, weight, backup)| (name.to_owned(), weight, backup)));
        for wrong in ["", "0", "10001", "a,,b", "a*", "a*-1", "a*65536", "a@b", "all", "!", "a b"] {
            assert!(wrong.parse::<Endpoints>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_speeds_and_shares_have_bounds_themselves() {
        assert_eq!(Bound::at_least_one("any"), Ok(Bound(None)));
        assert_eq!(Bound::any_count("0"), Ok(Bound(Some(0))));
        assert!(Bound::at_least_one("0").is_err_and(|help| help.contains("1 to")));
        assert!(Bound::any_count("4294967296").is_err());
        assert_eq!("1, 0.5".parse(), Ok(Speeds(vec![1.0, 0.5])));
        for wrong in ["", "0", "1,,1", "-1", "nan", "inf", "x2"] {
            assert!(wrong.parse::<Speeds>().is_err(), "{wrong}");
        }
        assert_eq!((percent("80%"), percent("150 %")), (Ok(0.8), Ok(1.5)));
        for wrong in ["", "80", "0%", "-1%", "nan%", "inf%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
