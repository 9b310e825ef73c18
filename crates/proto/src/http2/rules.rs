//! Messages (RFC 9113 §8), where `h2` does not judge them itself. Called where a head is made of what `h2` has decoded.
