//! Blocked identifiers in a file, as configured.

use throughline::{
    api::validate::Rules,
    clock::Clock,
    domain::{blocked::Blocked, identifier::normalise},
    ingest::run::{Options, run},
    model::IdentifierKind,
    store::Store,
};

use super::{input, notes_map};
use crate::support::{TempFolder, on_both};

const ROWS: &str = "id,at,text,phone\n\
    1,2025-03-01T12:00:00Z,a,020 1234567\n\
    2,2025-03-01T12:00:00Z,b,+31 (0)20-123 45 67\n\
    3,2025-03-01T12:00:00Z,c,+31612345678\n";

fn map(invalid: &str) -> String {
    let phone = format!(
        "[[customer.identifier]]\nkind = \"phone\"\nvalue = \"phone\"\ninvalid = \"{invalid}\"\n"
    );
    notes_map(&phone)
}

#[tokio::test]
async fn the_companys_own_number_names_nobody_in_an_import() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, Clock::System).await.unwrap();
        let mut blocked = Blocked::BUILT_IN;
        blocked.block("+31201234567", None).unwrap();
        let phone_region = Some("NL".to_owned());
        let rules = Rules { phone_region, blocked, ..Rules::new(Clock::System) };
        let folder = TempFolder::new();
        for (invalid, created, left_out, rejected) in [("reject", 1, 0, 2), ("skip", 2, 2, 0)] {
            let input = input(&folder, "calls.csv", ROWS, &map(invalid));
            let options = Options { input, dry_run: false, rejects: None, batch: 10 };
            let summary = run(options, &store, &rules, |_| {}).await.summary;
            assert_eq!(summary.customers_created, Some(created), "{summary}");
            assert_eq!((summary.identifiers_left_out, summary.rejected), (left_out, rejected));
        }
        let own = normalise(IdentifierKind::Phone, "", "+31201234567", None, None).unwrap();
        assert_eq!(store.find_owner(&own).await.unwrap(), None);
        store.close().await;
    })
    .await;
}
