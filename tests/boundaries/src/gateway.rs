/// A frame of the gateway comes to something or to nothing.
pub fn gateway(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = rolarr::discord::understands(&text);
}
