//! What a word finds, and what it must not find.

use throughline::domain::words::{
    MAX_QUERY_WORDS, MAX_WORD_BYTES, MAX_WORDS, index_words, query_words,
};

/// Whether a text is found by a query.
fn finds(query: &str, text: &str) -> bool {
    let index = index_words([text]);
    let query = query_words(query).expect("a query within the limits");
    !query.is_empty()
        && query.iter().all(|any| any.iter().any(|word| index.split(' ').any(|kept| kept == word)))
}

#[test]
fn the_forms_of_a_word_find_each_other() {
    let groups: [&[&str]; 38] = [
        &["klacht", "klachten", "Klacht", "KLACHTEN"],
        &["reparatie", "reparaties"],
        &["televisie", "televisies"],
        &["kjøleskap", "kjøleskapet", "kjoleskap", "KJØLESKAPET"],
        &["vaskemaskin", "vaskemaskinen", "vaskemaskiner"],
        &["vaskemaskine", "vaskemaskiner"],
        &["klage", "klager", "klagen"],
        &["fjernsyn", "fjernsynet"],
        &["complaint", "complaints"],
        &["repair", "repairs", "repaired", "repairing"],
        &["battery", "batteries"],
        &["bestelling", "bestellingen"],
        &["garantie", "garanties"],
        &["pakke", "pakken", "pakker"],
        &["vare", "varer", "varen"],
        &["sak", "saken", "saker"],
        &["sag", "sagen"],
        &["levering", "leveringen"],
        &["tablet", "tablets"],
        &["order", "orders"],
        &["wasmachine", "wasmachines"],
        &["adres", "adressen"],
        &["prijs", "prijzen"],
        &["brief", "brieven"],
        &["factuur", "facturen"],
        &["regning", "regninger", "regningen"],
        &["ordre", "ordren", "ordrer"],
        &["køleskab", "køleskabet", "køleskabe"],
        &["kunde", "kunder", "kunden"],
        &["faktura", "fakturaen", "fakturaer"],
        &["return", "returns", "returned"],
        &["delivery", "deliveries"],
        &["refund", "refunds", "refunded"],
        &["service", "services"],
        &["één", "een", "e\u{301}e\u{301}n"],
        &["Åse", "ase", "åse", "A\u{30a}se"],
        &["Straße", "strasse"],
        &["Müller", "muller"],
    ];
    for group in groups {
        for query in group {
            for text in group {
                assert!(finds(query, text), "{query} does not find {text}");
            }
        }
    }
}

#[test]
fn forms_are_found_in_a_text_of_their_language() {
    let cases = [
        ("klachten", "Ik heb een klacht over mijn televisie."),
        ("televisies", "Ik heb een klacht over mijn televisie."),
        ("kjøleskap", "Hei, jeg har problemer med kjøleskapet som dere leverte."),
        ("problem kjøleskapet", "Hei, jeg har problemer med kjøleskapet som dere leverte."),
        ("vaskemaskine", "Jeg har købt to vaskemaskiner, og de larmer."),
        ("complaint", "There have been three complaints about this repair."),
        ("returning", "I would like to return it, please."),
        ("tablet", "My tablets are broken"),
        ("televisie", "The customer said: televisie kapot"),
    ];
    for (query, text) in cases {
        assert!(finds(query, text), "{query} does not find {text}");
    }
}

#[test]
fn numbers_are_found_as_they_are() {
    let text = "Order #W4923227, serial SN-00417, 55\" TV, 1/2 paid";
    for query in
        ["#W4923227", "w4923227", "W4923227", "00417", "sn-00417", "SN-00417", "55", "serial 00417"]
    {
        assert!(finds(query, text), "{query}");
    }
    for query in ["4923227", "W492322", "417", "0041", "550"] {
        assert!(!finds(query, text), "{query}");
    }
}

#[test]
fn words_of_one_language_do_not_find_words_of_another() {
    let cases = [
        ("water", "Wat is er aan de hand met mijn bestelling?"),
        ("tablet", "I would like a table, please."),
        ("tablet", "table lamp"),
        ("order", "ord"),
        ("order", "Et ord om det"),
        ("listen", "This is the list of what you want"),
        ("ticket", "There was a tick on my dog"),
        ("market", "There is a mark on the screen"),
        ("number", "numb"),
        ("meter", "Dit is wat ik met jullie heb"),
        ("care", "There was a problem with my car"),
        ("planet", "This was not the plan"),
        ("hand", "han"),
        ("paper", "pap"),
        ("later", "laat"),
        ("kapot", "kaap"),
        ("repair", "return"),
        ("televisie", "telefoon"),
        ("klacht", "klant"),
        ("klage", "klar"),
        ("charger", "change"),
        ("fridge", "bridge"),
        ("bestelling", "bestek"),
    ];
    for (query, text) in cases {
        assert!(!finds(query, text), "{query} finds {text}");
    }
}

#[test]
fn every_word_of_a_query_must_be_there() {
    let text = "Mijn televisie is kapot en de garantie is verlopen";
    assert!(finds("garantie televisie", text));
    assert!(!finds("garantie koelkast", text));
}

#[test]
fn a_query_of_signs_has_no_words() {
    for query in ["", "%", "_", "'", "\"", "foo &", "\\", " \t", "*", "\u{200b}", "NEAR(a b)", "🙂"]
    {
        let words = query_words(query).expect("few words");
        assert!(words.iter().flatten().all(|w| w.bytes().all(|b| b.is_ascii_alphanumeric())));
        assert_eq!(words.is_empty(), !query.contains(char::is_alphanumeric), "{query}");
    }
}

#[test]
fn a_long_query_is_refused() {
    let numbered = |count: usize| (0..count).map(|n| format!("w{n} ")).collect::<String>();
    assert_eq!(query_words(&numbered(MAX_QUERY_WORDS)).map(|words| words.len()), Ok(32));
    assert!(query_words(&numbered(MAX_QUERY_WORDS + 1)).is_err());
    assert!(query_words(&numbered(20_000)).is_err());
}

#[test]
fn index_words_are_sorted_distinct_and_bounded() {
    let index = index_words(["b a b", "a 1"]);
    let mut words: Vec<&str> = index.split(' ').collect();
    let kept = words.clone();
    words.sort_unstable();
    words.dedup();
    assert_eq!(kept, words);

    let many: String = (0..50_000).map(|n| format!("w{n} ")).collect();
    let index = index_words([many.as_str()]);
    assert_eq!(index.split(' ').count(), MAX_WORDS);
    assert!(finds("w0 w3999", &many) && !finds("w4000", &many));

    let long: String = (0..5_000).map(|n| format!("{n}{} ", "x".repeat(60))).collect();
    let index = index_words([long.as_str()]);
    assert!(index.len() < 64 * 1024);
    assert!(index.split(' ').all(|word| word.len() <= MAX_WORD_BYTES));
    assert!(finds(&format!("7{}", "x".repeat(60)), &long));
    assert_eq!(index_words([]), "");
    assert_eq!(index_words(["", " . ", "\u{200b}"]), "");
}

#[test]
fn the_same_texts_have_the_same_words_whatever_came_before() {
    let text = "Jeg har et kjøleskap, 日本, ½ og SN-00417";
    let first = index_words([text]);
    let other: String = (0..30_000).map(|n| format!("word{n} ")).collect();
    index_words([other.as_str()]);
    assert_eq!(index_words([text]), first);
}
