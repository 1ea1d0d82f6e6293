use clap::{CommandFactory as _, Parser as _};
use insta::assert_snapshot;
use throughline::{cli::Cli, config::SETTINGS};

fn refused(arguments: &[&str]) -> String {
    let arguments = std::iter::once("throughline").chain(arguments.iter().copied());
    match Cli::try_parse_from(arguments) {
        Ok(_) => panic!("was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_arguments_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn every_setting_is_a_flag_of_the_server() {
    for setting in SETTINGS {
        let is_plain = matches!(setting.key, "allow_unprotected" | "allow_anonymous");
        let value = if is_plain { "=true" } else { "=1" };
        let flag = format!("{}{value}", setting.flag());
        assert!(Cli::try_parse_from(["throughline", "serve", &flag]).is_ok(), "{flag}");
    }
    let before = ["throughline", "--database", "sqlite:a.db", "serve", "--allow-unprotected"];
    assert!(Cli::try_parse_from(before).is_ok());
}

#[test]
fn a_customer_is_named_once() {
    let both = ["timeline", "--phone", "+31612345678", "--email", "a@example.com"];
    assert_snapshot!(refused(&both), @"
    error: the argument '--phone <NUMBER>' cannot be used with '--email <ADDRESS>'

    Usage: throughline timeline --phone <NUMBER>

    For more information, try '--help'.
    ");
}

#[test]
fn a_channel_that_does_not_exist_is_answered_with_those_that_do() {
    assert_snapshot!(refused(&["timeline", "--id", "x", "--channel", "phone,fax"]), @"
    error: invalid value 'fax' for '--channel <CHANNEL>'
      [possible values: phone, web, email, chat, messaging, social, store, app, letter]

    For more information, try '--help'.
    ");
}

#[test]
fn a_search_needs_words_and_a_list_a_length() {
    assert_snapshot!(refused(&["search"]), @"
    error: the following required arguments were not provided:
      <WORDS>...

    Usage: throughline search <WORDS>...

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(&["timeline", "--id", "x", "--limit", "0"]), @"
    error: invalid value '0' for '--limit <N>': 0 is not in 1..18446744073709551615

    For more information, try '--help'.
    ");
}
