//! Garbage collection by owner references, and the emptying of namespaces that are being deleted.
//!
//! One task with one watch on the whole store: it keeps a graph of who owns whom, and reacts to what happens. Nothing is
//! polled. It acts through the same deletion as clients, one object at a time, in the order of the store's keys, so that
//! the same history gives the same deletions.

mod graph;
mod work;

use std::future::Future;

use store::{Event, EventKind};

use crate::object::Head;
use crate::server::ApiServer;
use graph::Graph;

/// Collects until `shutdown` is done.
pub async fn run(server: ApiServer, shutdown: impl Future<Output = ()> + Send) {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (mut graph, revision) = read(&server);
        let Ok(mut watch) = server.store().watch("/", revision) else { continue };
        work::all(&server, &mut graph).await;
        loop {
            let event = tokio::select! {
                biased;
                () = &mut shutdown => return,
                event = watch.next() => event,
            };
            // Fallen behind the history: everything is read anew.
            let Ok(event) = event else { break };
            apply(&mut graph, &event);
            while let Ok(Some(event)) = watch.try_next() {
                apply(&mut graph, &event);
            }
            work::all(&server, &mut graph).await;
        }
    }
}

fn read(server: &ApiServer) -> (Graph, u64) {
    let mut graph = Graph::default();
    let listing = server.store().list("/");
    for entry in &listing.entries {
        graph.put(&entry.key, Head::read(&entry.value).metadata);
    }
    (graph, listing.revision)
}

fn apply(graph: &mut Graph, event: &Event) {
    if event.kind == EventKind::Deleted {
        graph.remove(&event.key);
    } else {
        graph.put(&event.key, Head::read(&event.value).metadata);
    }
}
