//! What else is set up on the machine: users, clock, disks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// A user to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Login name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Full name or remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub gecos: Option<String>,
    /// More groups of the user, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub groups: Option<String>,
    /// Home directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub home_dir: Option<String>,
    /// Create the user as inactive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive: Option<bool>,
    /// Login shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub shell: Option<String>,
    /// Hash of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub passwd: Option<String>,
    /// Where to take the hash of the password from instead.
    #[serde(default, skip_serializing_if = "is_default")]
    pub passwd_from: PasswdSource,
    /// Primary group of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub primary_group: Option<String>,
    /// Forbid to log in with a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_password: Option<bool>,
    /// Rule for sudo, as `ALL=(ALL) NOPASSWD:ALL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub sudo: Option<String>,
    /// Public keys that may log in over SSH.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 2048)), extend("x-kubernetes-list-type" = "atomic"))]
    pub ssh_authorized_keys: Vec<String>,
}

/// Where the hash of a password comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswdSource {
    /// A key of a Secret.
    #[serde(default)]
    #[schemars(!default)]
    pub secret: SecretPasswdSource,
}

impl PasswdSource {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// A key of a Secret in the namespace of the config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretPasswdSource {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret's data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub key: String,
}

/// Time servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct Ntp {
    /// Servers to take the time from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub servers: Vec<String>,
    /// Run a time client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl Ntp {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// Partitions and file systems to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct DiskSetup {
    /// Partition tables to write, one per device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub partitions: Vec<Partition>,
    /// File systems to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub filesystems: Vec<Filesystem>,
}

impl DiskSetup {
    /// Whether any field is set.
    pub fn is_defined(&self) -> bool {
        !is_default(self)
    }
}

/// The partition table of one device: `layout` or `diskLayout`, exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "[has(self.layout),has(self.diskLayout)].filter(x,x==true).size() == 1", "message": "exactly one of the fields in [layout diskLayout] must be set"}]))]
pub struct Partition {
    /// Name of the device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub device: String,
    /// True: one partition over the whole device. False: leave the device as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<bool>,
    /// Write the table without looking whether there is one already. Destroys data; not done when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// Kind of table: `mbr` (when unset) or `gpt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["mbr", "gpt"]))]
    pub table_type: Option<String>,
    /// The partitions in order. Their percentages may not come to more than 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub disk_layout: Vec<PartitionSpec>,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionSpec {
    /// Share of the device, 1 to 100.
    #[serde(default)]
    #[schemars(!default)]
    #[schemars(range(min = 1, max = 100))]
    pub percentage: i32,
    /// Kind of partition: a name of [`partition_type`] or a full GUID, which is passed on as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 36), extend("x-kubernetes-validations" = [{"rule": "self.matches('^(Linux|LinuxSwap|LinuxRAID|LVM|Fat32|NTFS|LinuxExtended|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$')", "message": "partitionType must be one of Linux, LinuxSwap, LinuxRAID, LVM, Fat32, NTFS, LinuxExtended or a full GPT partition GUID"}]))]
    pub partition_type: Option<String>,
}

/// The names of partition types.
pub mod partition_type {
    /// A Linux file system.
    pub const LINUX: &str = "Linux";
    /// Linux swap space.
    pub const LINUX_SWAP: &str = "LinuxSwap";
    /// A member of a Linux RAID.
    pub const LINUX_RAID: &str = "LinuxRAID";
    /// A physical volume of LVM.
    pub const LVM: &str = "LVM";
    /// A FAT32 file system.
    pub const FAT32: &str = "Fat32";
    /// An NTFS file system.
    pub const NTFS: &str = "NTFS";
    /// A Linux extended partition.
    pub const LINUX_EXTENDED: &str = "LinuxExtended";
}

/// A file system to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filesystem {
    /// Name of the device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 256))]
    pub device: String,
    /// Kind of file system, as `ext4`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(!default)]
    #[schemars(length(min = 1, max = 128))]
    pub filesystem: String,
    /// Label of the file system; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub label: Option<String>,
    /// Partition to use: `auto|any`, `auto`, `any`, `none` or its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub partition: Option<String>,
    /// Make it even if there is a file system already. Destroys data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// For Microsoft Azure: replace a file system of this kind. Without a label, `partition` must be `any`.
    #[serde(rename = "replaceFS", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub replace_fs: Option<String>,
    /// More options for the command that makes the file system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_opts: Vec<String>,
}
