//! A caller's trace id is in the log of its call.

use throughline::pb::GetCustomerRequest;

use crate::support::{Database, Log, Server};

#[tokio::test]
async fn the_log_of_a_call_names_its_trace() {
    let (log, _logging) = Log::of_this_thread();
    let database = Database::sqlite();
    let mut server = Server::start(&database).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (value, is_named) in
        [(format!("00-{trace}-b7ad6b7169203331-01"), true), (trace.into(), false)]
    {
        log.take();
        let mut call = tonic::Request::new(GetCustomerRequest::default());
        call.metadata_mut().insert("traceparent", value.parse().unwrap());
        server.customers.get_customer(call).await.unwrap_err();
        let text = log.take();
        let lines: Vec<_> = text.lines().filter(|line| line.contains("answered")).collect();
        assert!(lines.len() == 1 && lines[0].contains("GetCustomer"), "{text}");
        assert_eq!(lines[0].contains(&format!("trace_id=\"{trace}\"")), is_named, "{}", lines[0]);
    }
    server.stop().await;
}
