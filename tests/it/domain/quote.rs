//! What contradicts a quote.

use throughline::{
    domain::quote::{apply, conflicts, sku_key},
    model::{Amount, Channel, EventMeta, Micros, Quote, QuoteChange, Terms},
};
use uuid::Uuid;

fn line(at: Micros, channel: Channel) -> EventMeta {
    EventMeta {
        entry_id: Uuid::from_u128(1),
        record_id: Uuid::from_u128(2),
        revision: at,
        at,
        channel: Some(channel),
        actor: "mia".to_owned(),
        reason: String::new(),
    }
}

fn terms(sku: &str, euro: i64, valid_until: Micros) -> Terms {
    Terms {
        sku: sku.to_owned(),
        article: String::new(),
        price: Some(Amount { currency: "EUR".to_owned(), minor_units: euro * 100 }),
        offer: String::new(),
        promotion_code: String::new(),
        valid_until,
    }
}

fn given(id: u128, from: Micros, channel: Channel, terms: Terms) -> Quote {
    let change = QuoteChange::Given(terms);
    apply(None, (Uuid::from_u128(id), None), &change, &line(from, channel)).unwrap()
}

fn withdrawn(quote: Quote, at: Micros) -> Quote {
    let id = quote.id;
    apply(Some(quote), (id, None), &QuoteChange::Withdrawn, &line(at, Channel::Web)).unwrap()
}

#[test]
fn other_terms_of_another_channel_at_one_time_are_a_conflict() {
    let one = given(1, 10, Channel::Phone, terms("VX55", 999, 20));
    let other = |from, channel, terms| given(2, from, channel, terms);
    let web = |terms| other(15, Channel::Web, terms);
    let offer = |offer: &str| Terms { offer: offer.to_owned(), ..terms("VX55", 999, 20) };
    let code = |code: &str| Terms { promotion_code: code.to_owned(), ..terms("VX55", 999, 20) };
    let dollars = Terms {
        price: Some(Amount { currency: "USD".to_owned(), minor_units: 99_900 }),
        ..terms("VX55", 999, 20)
    };
    for (quote, wanted, why) in [
        (web(terms("VX55", 899, 20)), true, "another price"),
        (web(terms(" vx55\u{200b}", 899, 20)), true, "the sku, written otherwise"),
        (web(dollars), true, "another currency"),
        (web(Terms { price: None, ..offer("10 % off") }), true, "no price"),
        (web(offer("a cable with it")), true, "another offer"),
        (web(code("SPRING")), true, "another promotion"),
        (web(terms("VX55", 999, 30)), false, "the same terms for longer"),
        (other(15, Channel::Phone, terms("VX55", 899, 20)), false, "the same channel"),
        (web(terms("VX65", 899, 20)), false, "another sku"),
        (web(terms("", 899, 20)), false, "no sku"),
        (other(20, Channel::Web, terms("VX55", 899, 30)), false, "given when the other ended"),
        (other(19, Channel::Web, terms("VX55", 899, 30)), true, "a moment together"),
        (other(1, Channel::Web, terms("VX55", 899, 10)), false, "ended when the other was given"),
        (withdrawn(web(terms("VX55", 899, 20)), 17), true, "valid together for a while"),
        (withdrawn(web(terms("VX55", 899, 20)), 15), false, "withdrawn at once"),
        (withdrawn(other(5, Channel::Web, terms("VX55", 899, 20)), 10), false, "ended before"),
    ] {
        let found = conflicts(&one, std::slice::from_ref(&quote));
        assert_eq!(!found.is_empty(), wanted, "{why}");
        // Each contradicts the other.
        assert_eq!(conflicts(&quote, std::slice::from_ref(&one)).is_empty(), found.is_empty());
    }
    let said = given(3, 10, Channel::Web, offer("A  cable\nwith it"));
    let same = given(4, 10, Channel::Store, offer("a Cable with it "));
    assert!(conflicts(&said, &[same]).is_empty(), "the same words");
    assert!(conflicts(&one, std::slice::from_ref(&one)).is_empty(), "itself");
}

#[test]
fn conflicts_come_in_the_order_of_their_giving() {
    let one = given(9, 10, Channel::Phone, terms("VX55", 999, 20));
    let others = [(7, 13), (5, 12), (6, 12), (8, 11)];
    let others = others.map(|(id, at)| given(id, at, Channel::Web, terms("VX55", 1, 20)));
    let ids: Vec<u128> = conflicts(&one, &others).iter().map(Uuid::as_u128).collect();
    assert_eq!(ids, [8, 5, 6, 7]);
}

#[test]
fn a_quote_is_valid_from_its_giving_to_its_end() {
    let quote = given(1, 10, Channel::Phone, terms("VX55", 999, 20));
    let valid: Vec<Micros> = (0..30).filter(|at| quote.is_valid(*at)).collect();
    assert_eq!(valid, (10..20).collect::<Vec<_>>());
    let ended = withdrawn(quote.clone(), 12);
    assert_eq!((ended.ends_at(), ended.is_valid(11), ended.is_valid(12)), (12, true, false));
    // It was not valid any more, and is not made so.
    assert_eq!(withdrawn(quote, 25).ends_at(), 20);
    let (id, change) = (ended.id, QuoteChange::Withdrawn);
    assert!(apply(Some(ended), (id, None), &change, &line(13, Channel::Web)).is_err());
    assert_eq!(sku_key(" cafe\u{301}-1 "), "CAFÉ-1");
}
