//! UpdateCustomer.

use prost_types::FieldMask;
use throughline::pb::{self, customer_service_client::CustomerServiceClient};
use tonic::Code;

use crate::{
    calls::{Refusal, account, by, note, refusal, request_id},
    support::{Server, on_both},
};

fn update(
    customer: &pb::Customer,
    fields: &[&str],
    profile: pb::Profile,
) -> pb::UpdateCustomerRequest {
    pb::UpdateCustomerRequest {
        customer_id: customer.id.clone(),
        profile: Some(profile),
        update_mask: Some(FieldMask { paths: fields.iter().map(ToString::to_string).collect() }),
        etag: String::new(),
        request_id: request_id(),
    }
}

fn whole_profile() -> pb::Profile {
    pb::Profile {
        given_name: "Anna".to_owned(),
        family_name: "de Wit".to_owned(),
        organisation: "De Wit B.V.".to_owned(),
        birth_date: "1980-02-29".to_owned(),
        language: "nl".to_owned(),
        address: Some(pb::PostalAddress {
            lines: vec!["Kerkstraat 12 B".to_owned()],
            house_number: "12 B".to_owned(),
            postcode: "1234 AB".to_owned(),
            locality: "Utrecht".to_owned(),
            region: "Utrecht".to_owned(),
            country_code: "NL".to_owned(),
        }),
        preferred_channel: pb::Channel::Chat.into(),
        consents: vec![pb::Consent { purpose: "marketing.email".to_owned(), granted: false }],
    }
}

const ALL: [&str; 8] = [
    "given_name",
    "family_name",
    "organisation",
    "birth_date",
    "language",
    "address",
    "preferred_channel",
    "consents",
];

impl Server {
    async fn updated(&self, call: pb::UpdateCustomerRequest) -> pb::Customer {
        let answer = self.customers.clone().update_customer(call).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    async fn not_updated(&self, call: pb::UpdateCustomerRequest) -> Refusal {
        refusal(self.customers.clone().update_customer(call).await)
    }

    async fn anna(&self) -> pb::Customer {
        self.identified(vec![account("anna")]).await.customer.unwrap()
    }
}

#[tokio::test]
async fn the_mask_says_what_changes() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.anna().await;
        let whole = server.updated(update(&anna, &ALL, whole_profile())).await;
        assert_eq!(whole.profile, Some(whole_profile()));
        assert_eq!((whole.revision, whole.identifiers.len()), (2, 1));

        // A field that is named but not set is emptied; one that is set but not named is unchanged.
        let none = pb::Profile { language: "no".to_owned(), ..Default::default() };
        let changed = server.updated(update(&anna, &["organisation", "address"], none)).await;
        let wanted = pb::Profile { organisation: String::new(), address: None, ..whole_profile() };
        assert_eq!(changed.profile, Some(wanted));
        assert_eq!(server.customer(&anna.id).await, changed);

        let emptied = server.updated(update(&anna, &ALL, pb::Profile::default())).await;
        assert_eq!(emptied.profile, None);

        let no_field = update(&anna, &[], whole_profile());
        assert_eq!(server.not_updated(no_field).await, Refusal::invalid(["update_mask"]));
        for path in ["identifiers", "address.postcode", "*", "id"] {
            let call = update(&anna, &[path], whole_profile());
            assert_eq!(server.not_updated(call).await, Refusal::invalid(["update_mask"]), "{path}");
        }
        let stranger = pb::Customer {
            id: "0190f3c4-7b1a-7cc0-8000-00000000beef".to_owned(),
            ..Default::default()
        };
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        let call = update(&stranger, &ALL, whole_profile());
        assert_eq!(server.not_updated(call).await, not_found);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = server.anna().await;
        let with = |etag: &str, name: &str| {
            let profile = pb::Profile { given_name: name.to_owned(), ..Default::default() };
            let etag = etag.to_owned();
            pb::UpdateCustomerRequest { etag, ..update(&first, &["given_name"], profile) }
        };
        let stale = Refusal::new(Code::Aborted, "STALE_ETAG", []);
        let second = server.updated(with(&first.etag, "Anna")).await;
        assert_eq!(server.not_updated(with(&first.etag, "Hanna")).await, stale);
        // An entry is a change of the customer too.
        server.recorded(by(vec![account("anna")], note("x"))).await;
        assert_eq!(server.not_updated(with(&second.etag, "Hanna")).await, stale);

        let now = server.customer(&first.id).await;
        assert_eq!(now.profile, second.profile, "what was refused left nothing");
        let third = server.updated(with(&now.etag, "Hanna")).await;
        assert_eq!(third.profile.unwrap().given_name, "Hanna");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_changes_nothing_and_another_body_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.anna().await;
        let named = |name: &str| {
            let profile = pb::Profile { given_name: name.to_owned(), ..Default::default() };
            update(&anna, &["given_name"], profile)
        };
        // With the etag it was made from, which is stale when sent again.
        let first = pb::UpdateCustomerRequest { etag: anna.etag.clone(), ..named("Anna") };
        let once = server.updated(first.clone()).await;
        assert_eq!(server.updated(first.clone()).await, once);

        // It does not come back over a later change either.
        let later = server.updated(named("Hanna")).await;
        assert_eq!(server.updated(first.clone()).await, later);

        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let other = pb::UpdateCustomerRequest { request_id: first.request_id, ..named("Johanna") };
        assert_eq!(server.not_updated(other.clone()).await, reused);
        // The id of an update is not the id of an entry, nor vice versa.
        let mut entry = by(vec![account("anna")], note("x"));
        entry.request_id = other.request_id;
        assert_eq!(server.not_recorded(entry.clone()).await, reused);
        entry.request_id = request_id();
        server.recorded(entry.clone()).await;
        let update = pb::UpdateCustomerRequest { request_id: entry.request_id, ..named("Anna") };
        assert_eq!(server.not_updated(update).await, reused);
        assert_eq!(server.customer(&anna.id).await.profile, later.profile);
        server.stop().await;
    })
    .await;
}

/// Each caller changes its own field, repeatedly: every change counts, and no field is reset to an
/// older value by another caller's write.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_all_made() {
    const ROUNDS: usize = 10;
    let fields = ["given_name", "family_name", "organisation"];
    on_both(async |database| {
        let servers = [Server::start(database).await, Server::start(database).await];
        let anna = servers[0].anna().await;
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..2 * fields.len() {
            let server = &servers[caller % 2];
            let mut client = CustomerServiceClient::new(server.connect().await);
            let anna = anna.clone();
            callers.spawn(async move {
                for round in 1..=ROUNDS {
                    let text = format!("{caller} {round}");
                    let profile = pb::Profile {
                        given_name: text.clone(),
                        family_name: text.clone(),
                        organisation: text,
                        ..Default::default()
                    };
                    let call = update(&anna, &[fields[caller / 2]], profile);
                    client.update_customer(call).await.unwrap();
                }
            });
        }
        callers.join_all().await;
        let customer = servers[0].customer(&anna.id).await;
        let changes = 2 * fields.len() * ROUNDS;
        assert_eq!(customer.revision, 1 + i64::try_from(changes).unwrap());
        let profile = customer.profile.unwrap();
        let texts = [&profile.given_name, &profile.family_name, &profile.organisation];
        for (field, text) in texts.into_iter().enumerate() {
            let last = [0, 1].map(|it| format!("{} {ROUNDS}", 2 * field + it));
            assert!(last.contains(text), "{}: {text}", fields[field]);
        }
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}
