use rolarr::domain::{Email, Typed};

/// What is taken for an address is one, is the same when it is read again, and shows nowhere.
pub fn email(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // What is found in what a person typed is an address too.
    if let Typed::Address { email, .. } = Typed::read(&text) {
        assert_eq!(Typed::read(email.expose()), Typed::Address { email, alone: true });
    }
    match Email::parse(&text) {
        Err(error) => {
            super::is_fit_for_people(&error.to_string());
            false
        }
        Ok(email) => {
            let address = email.expose();
            assert!(address.contains('@') && address.len() <= 320, "{address:?}");
            assert!(
                !address.chars().any(|letter| letter.is_whitespace() || letter.is_control()),
                "{address:?}"
            );
            let again = Email::parse(address).expect("an address that was taken is taken again");
            assert_eq!(again.expose(), address);
            assert_eq!(again.key(), email.key());
            assert!(email.is(address));
            assert!(!format!("{email:?}").contains(address), "it shows in {email:?}");
            true
        }
    }
}
