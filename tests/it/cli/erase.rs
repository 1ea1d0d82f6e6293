//! `throughline erase` and `throughline vacuum`.

use serde_json::Value;

use super::process::{printed, refused, serve, world};

const DEMO: &str = "--database=sqlite:demo.db";
const MAIL: [&str; 2] = ["--email", "sanne.bakker@example.com"];

/// The id of the customer of the demo's story.
fn sanne(folder: &crate::support::TempFolder) -> String {
    let arguments = [&["customer", DEMO, "--json"], &MAIL[..]].concat();
    let customer: Value = serde_json::from_str(&printed(folder, &arguments)).unwrap();
    let id = customer["id"].as_str().or_else(|| customer["customer"]["id"].as_str());
    id.unwrap_or_else(|| panic!("{customer}")).to_owned()
}

#[test]
fn a_customer_is_erased_and_stays_so_when_a_backup_is_put_back() {
    let folder = world();
    let file = |name: &str| folder.path().join(name);
    let id = sanne(&folder);
    std::fs::copy(file("demo.db"), file("backup.db")).unwrap();
    let without = refused(&folder, &["erase", DEMO, &id]);
    assert!(without.contains("--ticket"), "{without}");
    let told = printed(&folder, &["erase", DEMO, &id, "--ticket", "GDPR-1", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let certificate = &told["certificate"];
    assert!(certificate["recordIds"].as_array().unwrap().contains(&Value::from(id.as_str())));
    let shown = printed(&folder, &["erase", DEMO, &id, "--ticket", "GDPR-1"]);
    let erasure = certificate["erasureId"].as_str().unwrap();
    assert!(shown.starts_with(&format!("Erased, by erasure {erasure}.\n")), "{shown}");
    let nobody = refused(&folder, &[&["timeline", DEMO], &MAIL[..]].concat());
    assert!(nobody.starts_with("1: "), "{nobody}");
    assert_eq!(printed(&folder, &["vacuum", DEMO]), "The database has been rewritten.\n");
    let bytes = std::fs::read(file("demo.db")).unwrap();
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(!text.contains("sanne.bakker"), "left in the file");
    let kept = std::fs::read_to_string(file("throughline.erasures")).unwrap();
    assert!(kept.contains(erasure) && kept.lines().count() == 1, "{kept}");

    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(file(&format!("demo.db{end}")));
    }
    std::fs::copy(file("backup.db"), file("demo.db")).unwrap();
    let (mut server, address, _log) = serve(&folder, &[]);
    let at = ["--server", &address];
    let nobody = refused(&folder, &[&["timeline"], &MAIL[..], &at[..]].concat());
    assert!(nobody.starts_with("1: "), "{nobody}");
    server.stop();
}
