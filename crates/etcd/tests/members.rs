//! Client and server over a pipe, with an etcd that keeps its members in a list.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd::client::{Client, DEFAULT_CALL_TIMEOUT, DEFAULT_DIAL_TIMEOUT, Error};
use etcd::messages::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, Member, MemberListRequest, MemberListResponse,
    MemberRemoveRequest, MemberRemoveResponse, MoveLeaderRequest, MoveLeaderResponse, ResponseHeader,
    StatusRequest, StatusResponse, errors,
};
use etcd::server::{EtcdService, serve};
use tonic::{Code, Status};

struct Members(Mutex<Vec<Member>>);

impl EtcdService for Members {
    async fn member_list(&self, request: MemberListRequest) -> Result<MemberListResponse, Status> {
        assert!(request.linearizable);
        let header = Some(ResponseHeader { cluster_id: 7, member_id: 1, revision: 3, raft_term: 2 });
        Ok(MemberListResponse { header, members: self.0.lock().unwrap().clone() })
    }

    async fn member_remove(&self, request: MemberRemoveRequest) -> Result<MemberRemoveResponse, Status> {
        let mut members = self.0.lock().unwrap();
        let position = members.iter().position(|member| member.id == request.id);
        let position = position.ok_or_else(|| Status::not_found(errors::MEMBER_NOT_FOUND))?;
        members.remove(position);
        Ok(MemberRemoveResponse { header: None, members: members.clone() })
    }

    async fn alarm(&self, _: AlarmRequest) -> Result<AlarmResponse, Status> {
        let alarms = vec![AlarmMember { member_id: 2, alarm: AlarmType::Nospace.into() }];
        Ok(AlarmResponse { header: None, alarms })
    }

    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        std::future::pending().await
    }
}

fn member(id: u64, name: &str) -> Member {
    Member {
        id,
        name: name.to_owned(),
        peer_urls: vec![format!("https://{name}:2380")],
        client_urls: Vec::new(),
        is_learner: false,
    }
}

async fn connect() -> (Client, tokio::task::JoinHandle<Result<(), etcd::server::ServeError>>) {
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let service = Arc::new(Members(Mutex::new(vec![member(1, "a"), member(u64::MAX, "b")])));
    let server = tokio::spawn(serve(theirs, None, service));
    (Client::connect(ours, None, DEFAULT_DIAL_TIMEOUT, DEFAULT_CALL_TIMEOUT).await.unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn members_are_listed_and_removed() {
    let (mut client, _server) = connect().await;
    let list = client.member_list().await.unwrap();
    assert_eq!(list.header.unwrap().cluster_id, 7);
    assert_eq!(list.members, [member(1, "a"), member(u64::MAX, "b")]);
    assert_eq!(client.member_remove(u64::MAX).await.unwrap().members, [member(1, "a")]);
    let alarms = client.alarms().await.unwrap().alarms;
    assert_eq!(alarms[0].alarm(), AlarmType::Nospace);
}

/// A member that `leader` leads, itself being 1. Member 2 is there and does not take over.
struct Led {
    leader: u64,
    asked: Mutex<Vec<u64>>,
}

impl EtcdService for Led {
    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        let header = Some(ResponseHeader { cluster_id: 7, member_id: 1, revision: 3, raft_term: 2 });
        Ok(StatusResponse { header, leader: self.leader, ..StatusResponse::default() })
    }

    async fn move_leader(&self, request: MoveLeaderRequest) -> Result<MoveLeaderResponse, Status> {
        self.asked.lock().unwrap().push(request.target_id);
        match request.target_id {
            2 => {
                Err(Status::deadline_exceeded("etcdserver: request timed out, leader transfer took too long"))
            }
            _ => Ok(MoveLeaderResponse::default()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn leadership_goes_to_the_first_that_takes_it() {
    async fn hand_over(leader: u64, candidates: &[u64]) -> (Result<bool, Error>, Vec<u64>) {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let service = Arc::new(Led { leader, asked: Mutex::default() });
        let _server = tokio::spawn(serve(theirs, None, Arc::clone(&service)));
        let client = Client::connect(ours, None, DEFAULT_DIAL_TIMEOUT, DEFAULT_CALL_TIMEOUT).await;
        let outcome = client.unwrap().hand_over(candidates).await;
        (outcome, service.asked.lock().unwrap().clone())
    }
    assert!(matches!(hand_over(1, &[2, 3, 4]).await, (Ok(true), asked) if asked == [2, 3]));
    assert!(matches!(hand_over(1, &[2]).await, (Err(Error::Refused { .. }), asked) if asked == [2]));
    assert!(matches!(hand_over(1, &[]).await, (Ok(false), asked) if asked.is_empty()));
    assert!(matches!(hand_over(3, &[2, 3]).await, (Ok(true), asked) if asked.is_empty()), "it leads already");
    assert!(
        matches!(hand_over(4, &[2, 3]).await, (Ok(false), asked) if asked.is_empty()),
        "not for it to do"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    let (mut client, _server) = connect().await;
    let error = client.member_remove(5).await.unwrap_err();
    assert!(error.is(errors::MEMBER_NOT_FOUND) && !error.is_outcome_unknown());
    assert_eq!(error.to_string(), "etcd refused MemberRemove: etcdserver: member not found (NotFound)");
    let error = client.move_leader(1).await.unwrap_err();
    assert!(matches!(error, Error::Refused { code: Code::Unimplemented, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_answer_ends_in_time_and_the_connection_still_works() {
    let (mut client, _server) = connect().await;
    let start = tokio::time::Instant::now();
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { call: "Status", .. }) && error.is_outcome_unknown());
    assert!(start.elapsed() < DEFAULT_CALL_TIMEOUT + Duration::from_secs(1));
    client.member_list().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_not_a_refusal() {
    let (mut client, server) = connect().await;
    client.member_list().await.unwrap();
    server.abort();
    let error = client.member_list().await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_client_closes_the_connection() {
    let (client, server) = connect().await;
    drop(client);
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_during_the_handshake_is_given_up() {
    let (ours, _theirs) = tokio::io::duplex(1);
    let error = Client::connect(ours, None, Duration::from_secs(2), DEFAULT_CALL_TIMEOUT).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { call: "the handshake", .. }), "{error:?}");
}
