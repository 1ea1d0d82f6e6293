//! E-mail addresses, against the vectors of isemail.

use throughline::{
    model::IdentifierKind::Email,
    story::identifier::{Fault, normalise},
};

use super::vectors;

fn key(raw: &str) -> Result<String, Fault> {
    normalise(Email, "", raw, None).map(|identifier| identifier.value)
}

#[test]
fn print_differences() {
    let Some(rows) = vectors::rows("email_address_vectors/isemail_tests.csv") else { return };
    for row in rows {
        let address: String = row[1]
            .chars()
            .map(|c| match c {
                '\u{2400}'..='\u{241f}' => char::from_u32(c as u32 - 0x2400).unwrap(),
                c => c,
            })
            .collect();
        let ours = key(&address);
        let theirs = row[2] != "ISEMAIL_ERR";
        if ours.is_ok() != theirs {
            println!("{} {:?} {} {} ours {:?}", row[0], row[1], row[2], row[3], ours);
        }
    }
}
