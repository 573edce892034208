//! Answers as text, whatever their encoding.

use std::borrow::Cow;

/// Reads an answer as text: UTF-8 with or without a byte order mark, UTF-16 with one, and otherwise, where it is no
/// UTF-8, as Latin-1. Names of devices come in any encoding, and one odd name must not hide a whole list.
pub(super) fn decode(body: &[u8]) -> String {
    if let Some(rest) = body.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = body.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match String::from_utf8_lossy(body) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(_) => body.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn utf16(body: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units = body.chunks(2).map(|pair| match *pair {
        [first, second] => unit([first, second]),
        _ => 0xfffd,
    });
    char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    const ASCII: &str = r#"<MediaContainer size="1"><Video title="a"/></MediaContainer>"#;

    #[test]
    fn a_list_is_read_in_every_encoding() {
        let bom = [b"\xef\xbb\xbf".as_slice(), ASCII.as_bytes()].concat();
        let little = [vec![0xff, 0xfe], ASCII.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
        let big = [vec![0xfe, 0xff], ASCII.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat();
        for body in [ASCII.as_bytes().to_vec(), bom, little, big] {
            assert_eq!(decode(&body), ASCII);
        }
    }

    #[test]
    fn a_name_that_is_no_utf_8_hides_no_list() {
        for odd in [b"K\xfcche".as_slice(), b"\xc3", b"\xff\xff", b"\xed\xa0\x80"] {
            let body =
                [b"<MediaContainer size=\"1\"><Video title=\"".as_slice(), odd, b"\"/></MediaContainer>"]
                    .concat();
            assert_eq!(Element::list(&decode(&body)).map(|list| list.children.len()), Ok(1), "{odd:?}");
        }
        assert_eq!(decode(b"K\xfcche"), "K\u{fc}che");
    }

    #[test]
    fn half_a_character_is_survived() {
        assert_eq!(decode(b"\xff\xfea\0b"), "a\u{fffd}");
        assert_eq!(decode(b"\xff\xfe\x00\xd8"), "\u{fffd}");
        assert_eq!(decode(b""), "");
    }
}
