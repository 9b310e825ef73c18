//! Which names mean secrets, whose values no message may show.

/// Whether a key, or a variable, is called like one that holds a secret.
pub(in super::super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = || name.split(|char: char| !char.is_ascii_alphanumeric());
    PARTS.iter().any(|part| name.contains(part)) || words().any(|word| WORDS.contains(&word))
}

/// Anywhere in a name.
const PARTS: [&str; 6] = ["token", "password", "passwd", "passphrase", "secret", "credential"];

/// As a word of a name; `keep_alive` and `monkey` are none.
const WORDS: [&str; 4] = ["key", "keys", "apikey", "pass"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_however_they_are_spelt() {
        for name in ["token", "API_TOKEN", "authToken", "ticket_keys", "TLS-KEY", "PGPASSWORD"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["keep_alive", "PORT", "bind", "MONKEY", "path", "keyboard", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
