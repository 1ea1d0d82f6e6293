//! What the columns of a file mean, by the names in its header.

use crate::{
    cli::failure::Failure, domain::matching::Attributes, ingest::row::Row, model::IdentifierKind,
};

/// The meaning of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Name,
    GivenName,
    FamilyName,
    Organisation,
    BirthDate,
    HouseNumber,
    AddressLine,
    Locality,
    Region,
    Postcode,
    Phone,
    Email,
    Identifier(IdentifierKind),
}

/// The usual headers, without case, spaces and punctuation: the name on the command line comes
/// first.
const HEADERS: [(Meaning, &str); 17] = [
    (Meaning::Name, "name|fullname|customername|naam|navn|personname|contactname"),
    (
        Meaning::GivenName,
        "givenname|firstname|forename|forenames|givennames|first|given|fname|firstnames|\
         voornaam|voornamen|fornavn|vorname|middlename|middleinitial|christianname",
    ),
    (
        Meaning::FamilyName,
        "familyname|surname|lastname|last|family|lname|achternaam|etternavn|efternavn|nachname|\
         secondname",
    ),
    (
        Meaning::Organisation,
        "organisation|organization|company|companyname|employer|business|bedrijf|firma|bedrift",
    ),
    (
        Meaning::BirthDate,
        "birthdate|dateofbirth|dob|birthday|bday|birth|geboortedatum|fodselsdato|foedselsdato|\
         geburtsdatum|borndate|born",
    ),
    (
        Meaning::HouseNumber,
        "housenumber|streetnumber|housenr|streetno|houseno|huisnummer|husnummer|hausnummer|\
         numberstreet",
    ),
    (
        Meaning::AddressLine,
        "addressline|address|street|address1|address2|address3|addressline1|addressline2|\
         streetaddress|streetname|adres|straat|straatnaam|adresse|gate|strasse|addr|addr1|addr2|\
         addressstreet|unit|unitnumber|flat",
    ),
    (
        Meaning::Locality,
        "locality|city|town|suburb|place|woonplaats|plaats|by|sted|ort|village|cityname|\
         postaltown",
    ),
    (Meaning::Region, "region|state|province|county|provincie|fylke|statecode|stateabbr"),
    (Meaning::Postcode, "postcode|zip|zipcode|postalcode|postnummer|postnr|plz|pcode|postcodefake"),
    (
        Meaning::Phone,
        "phone|phonenumber|telephone|mobile|mobilephone|tel|telephonenumber|cell|cellphone|\
         phone1|phone2|telefoon|telefoonnummer|telefon|mobil|mobiel|homephone|workphone|phoneno",
    ),
    (
        Meaning::Email,
        "email|emailaddress|mail|emailaddr|epost|email1|email2|emailadres|contactemail",
    ),
    (Meaning::Identifier(IdentifierKind::Account), "account|login|username|accountid"),
    (
        Meaning::Identifier(IdentifierKind::CustomerNumber),
        "customernumber|customerno|klantnummer|kundenummer|kundenr",
    ),
    (Meaning::Identifier(IdentifierKind::LoyaltyCard), "loyaltycard|cardnumber|loyaltynumber"),
    (Meaning::Identifier(IdentifierKind::External), "external|externalid"),
    (Meaning::Identifier(IdentifierKind::Social), "social|socialid"),
];

/// The columns of a file that are compared.
#[derive(Debug)]
pub struct Columns(Vec<(String, Meaning)>);

impl Columns {
    /// Recognises the columns of a header. `given` are pairs of header and field that take
    /// precedence, `ignored` are headers that are left out.
    pub fn of(
        header: &[String],
        given: &[(String, String)],
        ignored: &[String],
    ) -> Result<Self, Failure> {
        let unknown = |name: &str| {
            Failure::Usage(format!("there is no column \"{name}\": the file has {}", list(header)))
        };
        let mut columns = Vec::new();
        for name in given.iter().map(|(name, _)| name).chain(ignored) {
            find(header, name).ok_or_else(|| unknown(name))?;
        }
        for column in header {
            if ignored.iter().any(|name| is_same(name, column)) {
                continue;
            }
            let by_hand = given.iter().find(|(name, _)| is_same(name, column));
            let meaning = match by_hand {
                Some((_, field)) => Some(named(field)?),
                None => usual(column),
            };
            columns.extend(meaning.map(|meaning| (column.clone(), meaning)));
        }
        if columns.is_empty() {
            return Err(Failure::Usage(format!(
                "no column is known: the file has {}. Name some with --column HEADER=FIELD",
                list(header)
            )));
        }
        Ok(Self(columns))
    }

    /// The attributes of a row.
    pub fn attributes(&self, row: &Row) -> Attributes {
        let mut person = Attributes::default();
        let append = |to: &mut String, text: &str| {
            if !to.is_empty() && !text.is_empty() {
                to.push(' ');
            }
            to.push_str(text);
        };
        for (column, meaning) in &self.0 {
            let text = row.get(column);
            if text.is_empty() {
                continue;
            }
            match meaning {
                Meaning::Name => append(&mut person.name, &text),
                Meaning::GivenName => append(&mut person.given_name, &text),
                Meaning::FamilyName => append(&mut person.family_name, &text),
                Meaning::Organisation => append(&mut person.organisation, &text),
                Meaning::BirthDate => append(&mut person.birth_date, &text),
                Meaning::HouseNumber => append(&mut person.house_number, &text),
                Meaning::AddressLine => person.address_lines.push(text.into_owned()),
                Meaning::Locality => append(&mut person.locality, &text),
                Meaning::Region => append(&mut person.region, &text),
                Meaning::Postcode => append(&mut person.postcode, &text),
                Meaning::Phone => person.phones.push(text.into_owned()),
                Meaning::Email => person.emails.push(text.into_owned()),
                Meaning::Identifier(kind) => {
                    person.identifiers.push((*kind, plain(column), text.into_owned()));
                }
            }
        }
        person
    }

    /// The columns and their recognised meanings.
    pub fn described(&self) -> String {
        let names = self.0.iter().map(|(column, meaning)| format!("{column}={}", code(*meaning)));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The column of that name, ignoring case, spaces and punctuation.
pub fn find<'a>(header: &'a [String], name: &str) -> Option<&'a String> {
    let exact = header.iter().find(|column| *column == name);
    exact.or_else(|| header.iter().find(|column| is_same(column, name)))
}

/// The names of columns, for a message.
pub fn list(header: &[String]) -> String {
    header.iter().take(50).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn is_same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(header: &str) -> String {
    header.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

fn usual(header: &str) -> Option<Meaning> {
    let header = plain(header);
    let known = |names: &str| names.split('|').any(|name| name == header);
    HEADERS.iter().find(|(_, names)| known(names)).map(|(meaning, _)| *meaning)
}

fn named(field: &str) -> Result<Meaning, Failure> {
    let wanted = plain(field);
    let found = HEADERS.iter().find(|(meaning, _)| plain(code(*meaning)) == wanted);
    found.map(|(meaning, _)| *meaning).ok_or_else(|| {
        let names: Vec<_> = HEADERS.iter().map(|(meaning, _)| code(*meaning)).collect();
        Failure::Usage(format!("--column: there is no field \"{field}\": use {}", names.join(", ")))
    })
}

fn code(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Name => "name",
        Meaning::GivenName => "given_name",
        Meaning::FamilyName => "family_name",
        Meaning::Organisation => "organisation",
        Meaning::BirthDate => "birth_date",
        Meaning::HouseNumber => "house_number",
        Meaning::AddressLine => "address_line",
        Meaning::Locality => "locality",
        Meaning::Region => "region",
        Meaning::Postcode => "postcode",
        Meaning::Phone => "phone",
        Meaning::Email => "email",
        Meaning::Identifier(kind) => kind.code(),
    }
}
