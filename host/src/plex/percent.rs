//! Percent-encoding, in the two ways that Plex's own programs and python-plexapi use it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but what RFC 3986 never encodes. python-plexapi encodes query values like this.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What JavaScript's `encodeURIComponent` encodes: Plex Web writes the values of filters like this.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');

/// Encodes a query value or a segment of a path.
pub(super) fn strict(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Encodes a value of a filter.
pub(super) fn component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// Decodes; `%` without two hexadecimal digits behind it stays. None if the result is no text.
pub(super) fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
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
    fn filter_values_are_encoded_as_javascript_does_it() {
        assert_eq!(component("UK: 12+ (x)!"), "UK%3A%2012%2B%20(x)!");
        assert_eq!(component("noAccess"), "noAccess");
    }

    #[test]
    fn broken_escapes_do_not_stop_decoding() {
        assert_eq!(decoded("100%").as_deref(), Some("100%"));
        assert_eq!(decoded("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(decoded("%ff"), None);
        assert_eq!(decoded_lossy("a%ff"), "a\u{fffd}");
    }
}
