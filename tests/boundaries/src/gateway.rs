/// A frame of the gateway comes to something or to nothing.
pub fn gateway(bytes: &[u8]) -> bool {
    rolarr::discord::understands(&String::from_utf8_lossy(bytes))
}
