//! `throughline customer`: finds customers, and shows who they are.

use std::io::{self, Write as _};

use clap::Args;

use super::{
    connect::with_client,
    customer_args::{CustomerRef, CustomerRefArgs},
    failure::Failure,
    json, render, terminal,
};
use crate::{
    config::Config,
    pb::{self, search_customers_request::Query},
};

#[derive(Args, Debug)]
pub struct CustomerArgs {
    /// A name, also misspelt or with the town; a part of an e-mail address; a phone number or its
    /// last digits; an order number; a postal code with house number or name
    #[arg(long, num_args = 1.., value_name = "TEXT", group = "who", allow_hyphen_values = true)]
    search: Vec<String>,
    /// Words of the name; beginnings and misspellings match too
    #[arg(long, num_args = 1.., value_name = "WORDS", group = "who")]
    name: Vec<String>,
    /// A postal code
    #[arg(long, value_name = "CODE", group = "who")]
    postcode: Option<String>,
    /// The house number that goes with the postal code
    #[arg(long, value_name = "NUMBER", requires = "postcode")]
    house_number: Option<String>,
    /// The number of an order of the customer
    #[arg(long, value_name = "NUMBER", group = "who")]
    order: Option<String>,
    #[command(flatten)]
    who: CustomerRefArgs,
    /// The maximum number of customers
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=200))]
    limit: i32,
    /// Print one customer per line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Shows the customers found.
pub async fn run(args: CustomerArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let query = query(&args, config)?;
    let page = with_client(args.server.as_deref(), config, async |client| match query {
        Lookup::Id(id) => {
            let by_id = pb::get_customer_request::Customer::CustomerId(id);
            let customers = vec![client.customer(by_id).await?];
            Ok(pb::SearchCustomersResponse { customers, ..Default::default() })
        }
        Lookup::Query(query) => {
            let request = pb::SearchCustomersRequest {
                query: Some(query),
                page_size: args.limit,
                page_token: String::new(),
            };
            let answer = client.customers.search_customers(request).await;
            Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
        }
    })
    .await?;
    let more = !page.next_page_token.is_empty();
    let as_table = !args.search.is_empty() && !args.json && page.customers.len() > 1;
    let out = &mut io::stdout().lock();
    if as_table {
        write!(out, "{}", render::found(&page, &style))?;
    }
    for customer in page.customers.iter().filter(|_| !as_table) {
        match args.json {
            true => writeln!(out, "{}", json::to_json("Customer", customer)?)?,
            false => writeln!(out, "{}", render::customer(customer, &style))?,
        }
    }
    if page.customers.is_empty() {
        return Err(Failure::Failed(
            "no such customer; `throughline search WORDS` searches all entries".to_owned(),
        ));
    }
    if more && !args.json {
        writeln!(out, "There are more: refine the search, or raise --limit.")?;
    }
    Ok(())
}

enum Lookup {
    Id(String),
    Query(Query),
}

fn query(args: &CustomerArgs, config: &Config) -> Result<Lookup, Failure> {
    if !args.search.is_empty() {
        return Ok(Lookup::Query(Query::Text(args.search.join(" "))));
    }
    if let Some(number) = args.order.clone() {
        return Ok(Lookup::Query(Query::OrderNumber(number)));
    }
    if !args.name.is_empty() {
        return Ok(Lookup::Query(Query::Name(args.name.join(" "))));
    }
    if let Some(postcode) = args.postcode.clone() {
        let house_number = args.house_number.clone().unwrap_or_default();
        return Ok(Lookup::Query(Query::Postcode(pb::PostcodeQuery { postcode, house_number })));
    }
    match args.who.customer_ref(config.phone_region.as_deref())? {
        Some(CustomerRef::Id(id)) => Ok(Lookup::Id(id)),
        Some(CustomerRef::Identifier(identifier)) => {
            Ok(Lookup::Query(Query::Identifier(identifier)))
        }
        None => Err(Failure::Usage(
            "which customer? Look with --search, --phone, --email or another of \
             `throughline customer --help`"
                .to_owned(),
        )),
    }
}
