//! The messages, written out by hand: names and numbers are those of etcd's `rpc.proto` (3.6). Fields that older members
//! do not send are left at zero.

use prost::{Enumeration, Message};

/// Paths of the calls.
pub mod paths {
    /// Cluster: add a member.
    pub const MEMBER_ADD: &str = "/etcdserverpb.Cluster/MemberAdd";
    /// Cluster: remove a member.
    pub const MEMBER_REMOVE: &str = "/etcdserverpb.Cluster/MemberRemove";
    /// Cluster: change a member's peer URLs.
    pub const MEMBER_UPDATE: &str = "/etcdserverpb.Cluster/MemberUpdate";
    /// Cluster: list members.
    pub const MEMBER_LIST: &str = "/etcdserverpb.Cluster/MemberList";
    /// Cluster: make a learner a voting member.
    pub const MEMBER_PROMOTE: &str = "/etcdserverpb.Cluster/MemberPromote";
    /// Maintenance: read, raise or clear alarms.
    pub const ALARM: &str = "/etcdserverpb.Maintenance/Alarm";
    /// Maintenance: how the answering member is.
    pub const STATUS: &str = "/etcdserverpb.Maintenance/Status";
    /// Maintenance: hand leadership over.
    pub const MOVE_LEADER: &str = "/etcdserverpb.Maintenance/MoveLeader";
}

/// The texts by which etcd's errors are told apart; the code alone is too coarse.
pub mod errors {
    /// No member has the ID (code `NotFound`).
    pub const MEMBER_NOT_FOUND: &str = "etcdserver: member not found";
    /// A member with such a peer URL exists (`FailedPrecondition`).
    pub const PEER_URL_EXISTS: &str = "etcdserver: Peer URLs already exists";
    /// The change would leave too few started members for a quorum (`FailedPrecondition`).
    pub const NOT_ENOUGH_STARTED_MEMBERS: &str =
        "etcdserver: re-configuration failed due to not enough started members";
    /// Some members are unreachable (`Unavailable`).
    pub const UNHEALTHY_CLUSTER: &str = "etcdserver: unhealthy cluster";
    /// Nobody leads (`Unavailable`).
    pub const NO_LEADER: &str = "etcdserver: no leader";
    /// Only the leader can hand leadership over (`FailedPrecondition`).
    pub const NOT_LEADER: &str = "etcdserver: not leader";
    /// Leadership cannot go to that member (`FailedPrecondition`).
    pub const BAD_LEADER_TRANSFEREE: &str = "etcdserver: bad leader transferee";
    /// Only learners can be promoted (`FailedPrecondition`).
    pub const MEMBER_NOT_LEARNER: &str = "etcdserver: can only promote a learner member";
    /// The learner has not caught up (`FailedPrecondition`).
    pub const LEARNER_NOT_READY: &str =
        "etcdserver: can only promote a learner member which is in sync with leader";
    /// There are as many learners as allowed, one (`FailedPrecondition`).
    pub const TOO_MANY_LEARNERS: &str = "etcdserver: too many learner members in cluster";
}

/// Who answered, and how far it was.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseHeader {
    /// The cluster that answered.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The member that answered.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Revision of the key-value store.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// Raft term.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// One member of the cluster.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Member {
    /// Chosen by etcd when the member was added.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Empty until the member has started.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where the other members reach it.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    /// Receives the log but has no vote yet.
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

/// Adds a member that is yet to start.
#[derive(Clone, PartialEq, Message)]
pub struct MemberAddRequest {
    /// Where the other members will reach it.
    #[prost(string, repeated, tag = "1")]
    pub peer_urls: Vec<String>,
    /// Without a vote at first.
    #[prost(bool, tag = "2")]
    pub is_learner: bool,
}

/// The member that was added.
#[derive(Clone, PartialEq, Message)]
pub struct MemberAddResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The new member.
    #[prost(message, optional, tag = "2")]
    pub member: Option<Member>,
    /// All members after it.
    #[prost(message, repeated, tag = "3")]
    pub members: Vec<Member>,
}

/// Removes a member.
#[derive(Clone, PartialEq, Message)]
pub struct MemberRemoveRequest {
    /// The member's ID.
    #[prost(uint64, tag = "1")]
    pub id: u64,
}

/// The members that are left.
#[derive(Clone, PartialEq, Message)]
pub struct MemberRemoveResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All members after it.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Changes where a member is reached by the others.
#[derive(Clone, PartialEq, Message)]
pub struct MemberUpdateRequest {
    /// The member's ID.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its new peer URLs.
    #[prost(string, repeated, tag = "2")]
    pub peer_urls: Vec<String>,
}

/// The members after the change.
#[derive(Clone, PartialEq, Message)]
pub struct MemberUpdateResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All members after it.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Asks for the members.
#[derive(Clone, PartialEq, Message)]
pub struct MemberListRequest {
    /// Ask the quorum, not only the member that answers.
    #[prost(bool, tag = "1")]
    pub linearizable: bool,
}

/// The members.
#[derive(Clone, PartialEq, Message)]
pub struct MemberListResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All members.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Gives a learner a vote.
#[derive(Clone, PartialEq, Message)]
pub struct MemberPromoteRequest {
    /// The learner's ID.
    #[prost(uint64, tag = "1")]
    pub id: u64,
}

/// The members after the promotion.
#[derive(Clone, PartialEq, Message)]
pub struct MemberPromoteResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All members after it.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Hands leadership over.
#[derive(Clone, PartialEq, Message)]
pub struct MoveLeaderRequest {
    /// Who shall lead.
    #[prost(uint64, tag = "1")]
    pub target_id: u64,
}

/// Leadership was handed over.
#[derive(Clone, PartialEq, Message)]
pub struct MoveLeaderResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum AlarmType {
    /// Nothing.
    None = 0,
    /// The database reached its quota.
    Nospace = 1,
    /// The database is damaged.
    Corrupt = 2,
}

impl AlarmType {
    /// etcd's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Nospace => "NOSPACE",
            Self::Corrupt => "CORRUPT",
        }
    }
}

/// What to do about alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum AlarmAction {
    /// Tell which are raised.
    Get = 0,
    /// Raise one.
    Activate = 1,
    /// Clear one.
    Deactivate = 2,
}

/// Reads, raises or clears alarms.
#[derive(Clone, PartialEq, Message)]
pub struct AlarmRequest {
    /// What to do.
    #[prost(enumeration = "AlarmAction", tag = "1")]
    pub action: i32,
    /// About which member; zero for all.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Which alarm; none for all.
    #[prost(enumeration = "AlarmType", tag = "3")]
    pub alarm: i32,
}

/// One alarm that is raised.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AlarmMember {
    /// About which member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// What is wrong.
    #[prost(enumeration = "AlarmType", tag = "2")]
    pub alarm: i32,
}

/// The alarms that are raised.
#[derive(Clone, PartialEq, Message)]
pub struct AlarmResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The alarms.
    #[prost(message, repeated, tag = "2")]
    pub alarms: Vec<AlarmMember>,
}

/// Asks the answering member how it is.
#[derive(Clone, PartialEq, Message)]
pub struct StatusRequest {}

/// How the answering member is.
#[derive(Clone, PartialEq, Message)]
pub struct StatusResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Version of etcd, for example `3.6.5`.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Size of the database file in bytes.
    #[prost(int64, tag = "3")]
    pub db_size: i64,
    /// Who leads, as far as it knows; zero for nobody.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// Index of the last log entry that is committed.
    #[prost(uint64, tag = "5")]
    pub raft_index: u64,
    /// Raft term.
    #[prost(uint64, tag = "6")]
    pub raft_term: u64,
    /// Index of the last log entry that is applied.
    #[prost(uint64, tag = "7")]
    pub raft_applied_index: u64,
    /// Alarms and other trouble, for people to read.
    #[prost(string, repeated, tag = "8")]
    pub errors: Vec<String>,
    /// Bytes of the database that are in use.
    #[prost(int64, tag = "9")]
    pub db_size_in_use: i64,
    /// Has no vote yet.
    #[prost(bool, tag = "10")]
    pub is_learner: bool,
    /// Version of the database file's format.
    #[prost(string, tag = "11")]
    pub storage_version: String,
    /// Quota of the database in bytes.
    #[prost(int64, tag = "12")]
    pub db_size_quota: i64,
    /// Whether a downgrade is under way.
    #[prost(message, optional, tag = "13")]
    pub downgrade_info: Option<DowngradeInfo>,
}

/// A downgrade that is under way.
#[derive(Clone, PartialEq, Message)]
pub struct DowngradeInfo {
    /// Whether there is one.
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    /// Down to which version.
    #[prost(string, tag = "2")]
    pub target_version: String,
}
