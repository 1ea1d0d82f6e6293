//! The customer arguments of the command line.

use clap::Args;

use super::failure::Failure;
use crate::pb::{self, IdentifierKind as Kind};

/// At most one of them may be given, apart from `namespace`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which customer")]
pub struct CustomerRefArgs {
    /// The id of the customer
    #[arg(long, value_name = "ID", group = "who")]
    id: Option<String>,
    /// A phone number, with its country code or with --phone-region set
    #[arg(long, value_name = "NUMBER", group = "who", allow_hyphen_values = true)]
    phone: Option<String>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS", group = "who")]
    email: Option<String>,
    /// The login of a webshop or portal
    #[arg(long, value_name = "LOGIN", group = "who")]
    account: Option<String>,
    /// The customer number that the company assigned
    #[arg(long, value_name = "NUMBER", group = "who")]
    customer_number: Option<String>,
    /// A loyalty card
    #[arg(long, value_name = "NUMBER", group = "who")]
    loyalty_card: Option<String>,
    /// The stable id on a social platform, such as facebook:1234
    #[arg(long, value_name = "PLATFORM:ID", group = "who")]
    social: Option<String>,
    /// An id in another system, such as crm:1234
    #[arg(long, value_name = "SYSTEM:VALUE", group = "who")]
    external: Option<String>,
    /// A browser or device
    #[arg(long, value_name = "VALUE", group = "who")]
    cookie: Option<String>,
    /// The namespace of an account, customer number, loyalty card or cookie
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// A customer by id or identifier.
#[derive(Clone, Debug, PartialEq)]
pub enum CustomerRef {
    Id(String),
    Identifier(pb::Identifier),
}

impl CustomerRefArgs {
    /// The customer of the arguments, if there is one. `region` is the country of phone numbers
    /// without a country code.
    pub fn customer_ref(&self, region: Option<&str>) -> Result<Option<CustomerRef>, Failure> {
        if let Some(id) = &self.id {
            return Ok(Some(CustomerRef::Id(id.clone())));
        }
        let plain = [
            (Kind::Phone, &self.phone),
            (Kind::Email, &self.email),
            (Kind::Account, &self.account),
            (Kind::CustomerNumber, &self.customer_number),
            (Kind::LoyaltyCard, &self.loyalty_card),
            (Kind::Cookie, &self.cookie),
        ];
        let namespace = self.namespace.clone().unwrap_or_default();
        for (kind, value) in plain {
            if let Some(value) = value {
                return Ok(Some(identifier(kind, namespace, value, region)));
            }
        }
        let scoped = [
            (Kind::Social, &self.social, "--social: write PLATFORM:ID, such as facebook:1234"),
            (Kind::External, &self.external, "--external: write SYSTEM:VALUE, such as crm:1234"),
        ];
        for (kind, value, form) in scoped {
            if let Some(value) = value {
                let (namespace, value) =
                    value.split_once(':').ok_or_else(|| Failure::Usage(form.to_owned()))?;
                return Ok(Some(identifier(kind, namespace.to_owned(), value, region)));
            }
        }
        Ok(None)
    }

    /// The customer of the arguments; an error if there is none.
    pub fn required(&self, region: Option<&str>) -> Result<CustomerRef, Failure> {
        self.customer_ref(region)?.ok_or_else(|| {
            Failure::Usage(
                "which customer? Name one with --phone, --email, --account, --customer-number, \
                 --loyalty-card, --social, --external, --cookie or --id; `throughline customer \
                 --name NAME` looks one up"
                    .to_owned(),
            )
        })
    }
}

fn identifier(kind: Kind, namespace: String, value: &str, region: Option<&str>) -> CustomerRef {
    let phone_region = match (kind, region) {
        (Kind::Phone, Some(region)) => region.to_owned(),
        _ => String::new(),
    };
    CustomerRef::Identifier(pb::Identifier {
        kind: kind.into(),
        namespace,
        value: value.to_owned(),
        phone_region,
        verified: false,
    })
}

impl From<CustomerRef> for pb::get_customer_request::Customer {
    fn from(customer_ref: CustomerRef) -> Self {
        match customer_ref {
            CustomerRef::Id(id) => Self::CustomerId(id),
            CustomerRef::Identifier(identifier) => Self::Identifier(identifier),
        }
    }
}

impl From<CustomerRef> for pb::search_timeline_request::Customer {
    fn from(customer_ref: CustomerRef) -> Self {
        match customer_ref {
            CustomerRef::Id(id) => Self::CustomerId(id),
            CustomerRef::Identifier(identifier) => Self::Identifier(identifier),
        }
    }
}
