//! Which web pages may call: those of the configured origins, and no others.

use prost::Message as _;
use throughline::{
    api::origin::Origins,
    clock::Clock,
    pb::{
        GetCustomerRequest, IdentifyCustomerRequest,
        customer_service_client::CustomerServiceClient, get_customer_request::Customer,
    },
    server::Settings,
};
use tonic::Code;

use crate::{
    calls::account,
    support::{
        Database, NOW, Server, on_both, settings,
        wire::{browse, preflight},
    },
};

const IDENTIFY: &str = "/throughline.v1.CustomerService/IdentifyCustomer";
/// Not in our contract: other services.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const DESK: &str = "https://desk.example.com";
const OTHER: &str = "https://desk.example.org";

fn identify(id: &str) -> Vec<u8> {
    IdentifyCustomerRequest { identifiers: vec![account(id)], ..Default::default() }.encode_to_vec()
}

fn of(origin: &str) -> String {
    format!("origin: {origin}\r\n")
}

async fn is_there(server: &Server, id: &str) -> bool {
    let request = GetCustomerRequest { customer: Some(Customer::Identifier(account(id))) };
    let found = CustomerServiceClient::new(server.connect().await).get_customer(request).await;
    match found {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound);
            false
        }
    }
}

#[tokio::test]
async fn no_page_calls_unless_it_is_named() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // A page of a name that resolves to this server has the server's origin.
        for origin in [DESK.to_owned(), "null".to_owned(), format!("http://{}", server.address)] {
            let text = browse(server.address, IDENTIFY, &of(&origin), &identify("anna")).await;
            assert!(text.contains("grpc-status: 7"), "{text}");
            assert!(!text.contains("access-control-allow-origin"), "{text}");
            let asked = preflight(server.address, IDENTIFY, &origin).await;
            assert!(!asked.contains("access-control-allow-origin"), "{asked}");
        }
        assert!(!is_there(&server, "anna").await, "a page has made somebody");
        // The control: a program that is not a page sends no origin.
        let text = browse(server.address, IDENTIFY, "", &identify("anna")).await;
        assert!(text.contains("grpc-status:0"), "{text}");
        assert!(is_there(&server, "anna").await);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn no_page_asks_for_the_health_or_the_contract_unless_it_is_named() {
    let origins = Origins::new([&DESK.to_owned()]);
    let settings = Settings { origins, ..settings(Clock::Fixed(NOW)) };
    let server = Server::start_with(&Database::sqlite(), settings).await;
    for path in [HEALTH, REFLECTION, "/there.is.none/Such"] {
        let text = browse(server.address, path, &of(OTHER), &[]).await;
        assert!(text.contains("grpc-status: 7"), "{text}");
        // The controls: a configured page, and a program.
        for headers in [of(DESK), String::new()] {
            let text = browse(server.address, path, &headers, &[]).await;
            assert!(text.contains("grpc-status") && !text.contains("grpc-status: 7"), "{text}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_an_origin_that_is_named_call_and_read_the_answer() {
    on_both(async |database| {
        let origins = Origins::new([&DESK.to_owned()]);
        let settings = Settings { origins, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let asked = preflight(server.address, IDENTIFY, DESK).await;
        assert!(asked.starts_with("HTTP/1.1 200 "), "{asked}");
        for header in [
            &format!("access-control-allow-origin: {DESK}\r\n")[..],
            "access-control-allow-methods: POST\r\n",
            "access-control-allow-headers: authorization,x-grpc-web\r\n",
            "access-control-max-age: 3600\r\n",
        ] {
            assert!(asked.contains(header), "{header}: {asked}");
        }
        let text = browse(server.address, IDENTIFY, &of(DESK), &identify("anna")).await;
        assert!(text.contains("grpc-status:0"), "{text}");
        assert!(text.contains(&format!("access-control-allow-origin: {DESK}\r\n")), "{text}");
        let exposed = "access-control-expose-headers: grpc-status,grpc-message,\
                       grpc-status-details-bin,x-request-id\r\n";
        assert!(text.contains(exposed), "{text}");

        let text = browse(server.address, IDENTIFY, &of(OTHER), &identify("bob")).await;
        assert!(text.contains("grpc-status: 7"), "{text}");
        assert!(!text.contains("access-control-allow-origin"), "{text}");
        let asked = preflight(server.address, IDENTIFY, OTHER).await;
        assert!(!asked.contains("access-control-allow-origin"), "{asked}");
        assert!(!is_there(&server, "bob").await, "a page has made somebody");
        server.stop().await;
    })
    .await;
}
