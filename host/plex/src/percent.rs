//! Percent-encoding of query values and path segments, as python-plexapi does it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but what RFC 3986 never encodes. python-plexapi encodes query values like this.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a query value or a segment of a path.
pub(super) fn strict(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Decodes; what is no text is replaced.
pub(super) fn decoded_lossy(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_encoded_as_python_does_it() {
        assert_eq!(strict("label=noAccess"), "label%3DnoAccess");
        assert_eq!(strict("ann+x@example.org"), "ann%2Bx%40example.org");
        assert_eq!(strict("a%2Cb (c)/ü"), "a%252Cb%20%28c%29%2F%C3%BC");
        assert_eq!(strict("A-z_0.~"), "A-z_0.~");
    }

    #[test]
    fn broken_escapes_do_not_stop_decoding() {
        assert_eq!(decoded_lossy("a%ff"), "a\u{fffd}");
        assert_eq!(decoded_lossy("100%"), "100%");
    }
}
