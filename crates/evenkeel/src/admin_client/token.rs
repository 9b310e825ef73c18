//! What opens an admin API: from a file or the environment, and never from an argument, which every user of a machine can see.

use std::env;
use std::fs;
use std::path::Path;

use hyper::header::HeaderValue;

use super::error::ClientError;

/// The value of `Authorization`.
#[derive(Clone, Debug)]
pub(super) struct Token(HeaderValue);

impl Token {
    /// The value of `Authorization`, which is not shown when it is printed.
    pub(super) fn field(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Reads what `from` holds; `None` if it is empty.
    pub(super) fn read(text: &str, from: &str) -> Result<Option<Token>, ClientError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let mut field = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| {
            ClientError::Unusable(format!(
                "{from} holds no token: it has characters that no field can carry"
            ))
        })?;
        field.set_sensitive(true);
        Ok(Some(Token(field)))
    }
}

/// The token in `file`, or else in the environment.
pub(super) fn find(file: Option<&Path>) -> Result<Option<Token>, ClientError> {
    let Some(file) = file else {
        let text = env::var(VARIABLE).unwrap_or_default();
        return Token::read(&text, VARIABLE);
    };
    let name = file.display().to_string();
    let unreadable =
        |error| ClientError::Unusable(format!("the token cannot be read from {name}: {error}"));
    let text = fs::read_to_string(file).map_err(unreadable)?;
    match Token::read(&text, &name)? {
        None => Err(ClientError::Unusable(format!("{name} holds no token: it is empty"))),
        token => Ok(token),
    }
}

pub(super) const VARIABLE: &str = "EVENKEEL_TOKEN";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_never_printed() {
        let token = Token::read(" s3cret\n", "f").unwrap().unwrap();
        assert_eq!(token.field(), "Bearer s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
        assert!(Token::read("\n", "f").unwrap().is_none());
    }

    #[test]
    fn a_file_without_a_token_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let problem = find(Some(&file)).unwrap_err().to_string();
        assert!(problem.contains("cannot be read from"), "{problem}");
        fs::write(&file, "\n").unwrap();
        let problem = find(Some(&file)).unwrap_err().to_string();
        assert!(problem.ends_with("token holds no token: it is empty"), "{problem}");
        fs::write(&file, "a\u{7}b").unwrap();
        assert!(find(Some(&file)).unwrap_err().to_string().contains("characters"));
    }
}
