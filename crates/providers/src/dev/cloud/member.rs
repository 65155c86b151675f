//! One etcd member as its clients see it.

use std::sync::{Arc, Weak};

use ::etcd::messages::{
    AlarmRequest, AlarmResponse, Member as WireMember, MemberAddRequest, MemberAddResponse,
    MemberListRequest, MemberListResponse, MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest,
    MemberRemoveResponse, MemberUpdateRequest, MemberUpdateResponse, MoveLeaderRequest, MoveLeaderResponse,
    ResponseHeader, StatusRequest, StatusResponse, errors,
};
use ::etcd::server::EtcdService;
use tonic::Status;

use super::cluster::Cluster;
use super::etcd::{Member, Membership, Refusal};

/// The version that kubeadm brings.
const VERSION: &str = "3.6.5";
const DATABASE_BYTES: i64 = 25 << 20;

/// The process of a member.
pub(super) struct Process {
    cluster: Weak<Cluster>,
    node: String,
}

impl Process {
    pub fn new(cluster: Weak<Cluster>, node: &str) -> Self {
        Self { cluster, node: node.to_owned() }
    }

    fn cluster(&self) -> Result<Arc<Cluster>, Status> {
        self.cluster.upgrade().ok_or_else(stopped)
    }

    /// Reads the membership as this member.
    fn read<T>(&self, read: impl FnOnce(&Membership, &Member) -> Result<T, Status>) -> Result<T, Status> {
        let cluster = self.cluster()?;
        let state = cluster.state();
        let etcd = &state.record.etcd;
        let own = etcd.named(&self.node).filter(|member| member.running).ok_or_else(stopped)?;
        read(etcd, own)
    }

    /// Changes the membership, asked of this member.
    async fn change(
        &self,
        change: impl FnOnce(&mut Membership, u64) -> Result<(), Refusal> + Send,
    ) -> Result<(Option<ResponseHeader>, Vec<WireMember>), Status> {
        let cluster = self.cluster()?;
        let answer = {
            let mut state = cluster.state();
            let own =
                state.record.etcd.named(&self.node).filter(|member| member.running).ok_or_else(stopped)?.id;
            change(&mut state.record.etcd, own).map_err(refused)?;
            state.refresh();
            (header(&state.record.etcd, own), members(&state.record.etcd))
        };
        cluster.save_cluster().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(answer)
    }
}

fn stopped() -> Status {
    Status::unavailable("etcdserver: server stopped")
}

/// As etcd words it.
fn refused(refusal: Refusal) -> Status {
    match refusal {
        Refusal::NotFound => Status::not_found(errors::MEMBER_NOT_FOUND),
        Refusal::PeerUrlExists => Status::failed_precondition(errors::PEER_URL_EXISTS),
        Refusal::NotEnoughStarted => Status::failed_precondition(errors::NOT_ENOUGH_STARTED_MEMBERS),
        Refusal::NoLeader => Status::unavailable(errors::NO_LEADER),
        Refusal::NotLeader => Status::failed_precondition(errors::NOT_LEADER),
        Refusal::BadTransferee => Status::failed_precondition(errors::BAD_LEADER_TRANSFEREE),
        Refusal::NotLearner => Status::failed_precondition(errors::MEMBER_NOT_LEARNER),
        Refusal::LearnerNotReady => Status::failed_precondition(errors::LEARNER_NOT_READY),
        Refusal::TooManyLearners => Status::failed_precondition(errors::TOO_MANY_LEARNERS),
    }
}

fn header(etcd: &Membership, member_id: u64) -> Option<ResponseHeader> {
    let revision = i64::try_from(etcd.revision).unwrap_or(i64::MAX);
    Some(ResponseHeader { cluster_id: etcd.cluster_id, member_id, revision, raft_term: etcd.term })
}

fn members(etcd: &Membership) -> Vec<WireMember> {
    etcd.members.iter().map(wire).collect()
}

fn wire(member: &Member) -> WireMember {
    let urls = |url: &str| if url.is_empty() { Vec::new() } else { vec![url.to_owned()] };
    WireMember {
        id: member.id,
        name: member.name.clone(),
        peer_urls: urls(&member.peer_url),
        client_urls: urls(&member.client_url),
        is_learner: member.learner,
    }
}

/// The one peer URL of a request; etcd takes several, kubeadm sends one.
fn peer_url(urls: &[String]) -> Result<&str, Status> {
    urls.first()
        .map(String::as_str)
        .ok_or_else(|| Status::invalid_argument("etcdserver: peer URLs are missing"))
}

impl EtcdService for Process {
    async fn member_add(&self, request: MemberAddRequest) -> Result<MemberAddResponse, Status> {
        let url = peer_url(&request.peer_urls)?;
        let cluster = self.cluster()?;
        let id = super::boot::draw_id(&cluster, "member-add", url);
        let (header, members) = self.change(|etcd, _| etcd.add(id, url, request.is_learner)).await?;
        let member = members.iter().find(|member| member.id == id).cloned();
        Ok(MemberAddResponse { header, member, members })
    }

    async fn member_remove(&self, request: MemberRemoveRequest) -> Result<MemberRemoveResponse, Status> {
        let (header, members) = self.change(|etcd, _| etcd.remove(request.id)).await?;
        Ok(MemberRemoveResponse { header, members })
    }

    async fn member_update(&self, request: MemberUpdateRequest) -> Result<MemberUpdateResponse, Status> {
        let url = peer_url(&request.peer_urls)?;
        let (header, members) = self.change(|etcd, _| etcd.update(request.id, url)).await?;
        Ok(MemberUpdateResponse { header, members })
    }

    async fn member_list(&self, request: MemberListRequest) -> Result<MemberListResponse, Status> {
        self.read(|etcd, own| {
            if request.linearizable && !etcd.has_quorum() {
                return Err(refused(Refusal::NoLeader));
            }
            Ok(MemberListResponse { header: header(etcd, own.id), members: members(etcd) })
        })
    }

    async fn member_promote(&self, request: MemberPromoteRequest) -> Result<MemberPromoteResponse, Status> {
        let (header, members) = self.change(|etcd, _| etcd.promote(request.id)).await?;
        Ok(MemberPromoteResponse { header, members })
    }

    /// No alarm is ever raised here.
    async fn alarm(&self, _: AlarmRequest) -> Result<AlarmResponse, Status> {
        self.read(|etcd, own| Ok(AlarmResponse { header: header(etcd, own.id), alarms: Vec::new() }))
    }

    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        self.read(|etcd, own| {
            Ok(StatusResponse {
                header: header(etcd, own.id),
                version: VERSION.to_owned(),
                db_size: DATABASE_BYTES,
                leader: etcd.leader,
                raft_index: etcd.revision,
                raft_term: etcd.term,
                raft_applied_index: etcd.revision,
                errors: if etcd.leader == 0 { vec![errors::NO_LEADER.to_owned()] } else { Vec::new() },
                db_size_in_use: DATABASE_BYTES,
                is_learner: own.learner,
                ..StatusResponse::default()
            })
        })
    }

    async fn move_leader(&self, request: MoveLeaderRequest) -> Result<MoveLeaderResponse, Status> {
        let (header, _) = self.change(|etcd, own| etcd.move_leader(own, request.target_id)).await?;
        Ok(MoveLeaderResponse { header })
    }
}
