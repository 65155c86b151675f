//! Admission in process: the defaults of our kinds, as the server's plugins.

use std::sync::Arc;

use apiserver::admission::{Matcher, Operation, Plugin};
use machinery::status::Status;

/// The groups whose kinds have defaults beyond their schema.
const GROUPS: [&str; 2] = [api::core::GROUP, api::controlplane::GROUP];

/// Fills in what a schema cannot say.
pub fn plugins() -> Vec<Plugin> {
    vec![Plugin {
        name: "defaults".to_owned(),
        matcher: Matcher {
            groups: GROUPS.map(str::to_owned).into(),
            resources: Vec::new(),
            operations: vec![Operation::Create, Operation::Update],
        },
        mutate: Some(Arc::new(|request, object| {
            let kind = &request.kind;
            api::defaults::default(&kind.group, &kind.kind, object, request.old)
                .map_err(|error| Box::new(Status::bad_request(error.to_string())))
        })),
        validate: None,
    }]
}
