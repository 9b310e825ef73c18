//! The names that a certificate is good for. Asked when a client asks for a name, and when a request comes for a host.

/// Names in lower case: exact ones, and those with `*.` before them, which stand for one label (RFC 9525 §6.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Box<[Box<str>]>);

impl Names {
    /// Those, whatever their case.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase().into()).collect())
    }

    /// All of them, as the certificate writes them, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether `host` is one of them, in any case, or differs from one with a `*` in its first label alone.
    pub fn cover(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.iter().any(|name| match name.strip_prefix("*.") {
            Some(pattern) => parent.is_some_and(|parent| parent.eq_ignore_ascii_case(pattern)),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label_and_case_for_nothing() {
        let names = Names::new(["Example.com", "*.example.com", "192.0.2.1"]);
        for (host, is_covered) in [
            ("example.com", true),
            ("EXAMPLE.COM", true),
            ("www.example.com", true),
            ("WWW.Example.com", true),
            ("a.b.example.com", false),
            ("examplescom", false),
            ("wwwexample.com", false),
            (".com", false),
            ("com", false),
            ("", false),
            ("192.0.2.1", true),
        ] {
            assert_eq!(names.cover(host), is_covered, "{host}");
        }
    }
}
