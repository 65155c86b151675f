//! The bootstrap token `abcdef.0123456789abcdef`: a public id and a secret.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A bootstrap token, as kubeadm writes it: `<id of six characters>.<secret of sixteen>`, lower-case letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapTokenString {
    id: String,
    secret: String,
}

/// The text is no bootstrap token. It does not say what the text was: it may hold most of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "bootstrap token has {length} bytes and not the form [a-z0-9]{{6}}.[a-z0-9]{{16}} \
     (lower-case letters and digits, 23 bytes)"
)]
pub struct InvalidToken {
    /// Length of the refused text in bytes.
    pub length: usize,
}

impl BootstrapTokenString {
    /// The public part: names the Secret `bootstrap-token-<id>` and the user `system:bootstrap:<id>`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret part. Keep it out of logs and errors.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The token as kubeadm and the API server read it, secret included.
    pub fn expose(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl FromStr for BootstrapTokenString {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let invalid = InvalidToken { length: text.len() };
        let Some((id, secret)) = text.split_once('.') else {
            return Err(invalid);
        };
        let plain = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !plain(id, 6) || !plain(secret, 16) {
            return Err(invalid);
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Debug for BootstrapTokenString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootstrapTokenString({}.<secret>)", self.id)
    }
}

impl Serialize for BootstrapTokenString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose())
    }
}

impl<'de> Deserialize<'de> for BootstrapTokenString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_two_parts_of_fixed_length() {
        let token: BootstrapTokenString = "abcdef.0123456789abcdef".parse().unwrap();
        assert_eq!((token.id(), token.secret()), ("abcdef", "0123456789abcdef"));
        for bad in
            ["", "abcdef", "abcdef.0123456789abcde", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdef0"]
        {
            assert!(bad.parse::<BootstrapTokenString>().is_err(), "{bad}");
        }
    }

    #[test]
    fn neither_debug_nor_the_error_shows_the_secret() {
        let token: BootstrapTokenString = "abcdef.0123456789abcdef".parse().unwrap();
        assert!(!format!("{token:?}").contains("0123"));
        let error = "abcdef.0123456789abcdefX".parse::<BootstrapTokenString>().unwrap_err();
        assert!(!error.to_string().contains("0123456789abcdefX"));
    }
}
