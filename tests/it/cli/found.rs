use insta::assert_snapshot;
use jiff::tz::TimeZone;
use throughline::{
    cli::render::{self, TerminalStyle},
    pb::{self, IdentifierKind, MatchQuality, MatchedField},
};

const LOOK: TerminalStyle =
    TerminalStyle { width: 80, colour: false, zone: TimeZone::UTC, full: false };

fn customer(
    number: u8,
    names: [&str; 3],
    locality: &str,
    identifiers: &[(IdentifierKind, &str)],
) -> pb::Customer {
    let [given, family, organisation] = names.map(str::to_owned);
    let address = pb::PostalAddress {
        postcode: "3512 PH".to_owned(),
        locality: locality.to_owned(),
        ..Default::default()
    };
    let identifiers = identifiers.iter().map(|(kind, value)| pb::CustomerIdentifier {
        kind: (*kind).into(),
        value: (*value).to_owned(),
        ..Default::default()
    });
    pb::Customer {
        id: format!("0194a000-0000-7000-8000-00000000000{number}"),
        profile: Some(pb::Profile {
            given_name: given,
            family_name: family,
            organisation,
            address: (!locality.is_empty()).then_some(address),
            ..Default::default()
        }),
        identifiers: identifiers.collect(),
        ..Default::default()
    }
}

fn why<const N: usize>(fields: [MatchedField; N], quality: MatchQuality) -> pb::CustomerMatch {
    let fields = fields.map(Into::into).to_vec();
    pb::CustomerMatch { fields, quality: quality.into(), distance: 0 }
}

#[test]
fn customers_found_stand_in_a_table() {
    let emails = [
        (IdentifierKind::Account, "sanne"),
        (IdentifierKind::Email, "sanne.bakker@example.com"),
        (IdentifierKind::Email, "other@example.com"),
    ];
    let answer = pb::SearchCustomersResponse {
        customers: vec![
            customer(1, ["Sanne", "Bakker", ""], "Utrecht", &emails),
            customer(2, ["Åse", "日本", ""], "", &[]),
            customer(3, ["", "", "Bakkerij De Gouden Korenaar van Nederland BV"], "", &[]),
            customer(4, ["\u{1b}[31mEve", "", ""], "", &[]),
        ],
        matches: vec![
            why([MatchedField::Name, MatchedField::Postcode], MatchQuality::Exact),
            why([MatchedField::OrderNumber], MatchQuality::Exact),
            why([MatchedField::Name], MatchQuality::Partial),
            why([MatchedField::Name], MatchQuality::Misspelt),
        ],
        ..Default::default()
    };
    assert_snapshot!(render::found(&answer, &LOOK), @"
    name                                  matches          where            e-mail                    customer
    Sanne Bakker                          name, postcode   3512 PH Utrecht  sanne.bakker@example.com  0194a000-0000-7000-8000-000000000001
    Åse 日本                              order                                                       0194a000-0000-7000-8000-000000000002
    Bakkerij De Gouden Korenaar van Ned…  name (part)                                                 0194a000-0000-7000-8000-000000000003
    ␛[31mEve                              name (misspelt)                                             0194a000-0000-7000-8000-000000000004
    ");
}
