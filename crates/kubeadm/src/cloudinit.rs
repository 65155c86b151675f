//! User data for cloud-init.
//!
//! The text is what Cluster API's templates give, odd blanks included: `content: |` is followed by the content, each
//! line behind six blanks, also the empty one after a last newline.

use std::fmt::{Display, Write as _};

use api::bootstrap::{DiskSetup, File, Filesystem, KubeadmConfigSpec, Ntp, Partition, User, partition_type};
use gotemplate::quote::quote;

/// File that tells that the machine has become a node, with `success` in it.
pub const SENTINEL_FILE: &str = "/run/cluster-api/bootstrap-success.complete";
/// File of the configuration that `kubeadm init` is called with.
pub const INIT_CONFIGURATION_FILE: &str = "/run/kubeadm/kubeadm.yaml";
/// File of the configuration that `kubeadm join` is called with.
pub const JOIN_CONFIGURATION_FILE: &str = "/run/kubeadm/kubeadm-join-config.yaml";

const HEADER: &str = "## template: jinja\n#cloud-config\n\n";
const PLACEHOLDER: &str = "-   path: /run/cluster-api/placeholder\n    owner: root:root\n    permissions: '0640'\n    \
    content: \"This placeholder file is used to create the /run/cluster-api sub directory in a way that is compatible \
    with both Linux and Windows (mkdir -p /run/cluster-api does not work with Windows)\"";

/// What the machine does with kubeadm. The texts are kubeadm's configuration, YAML.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Becomes the first control plane machine.
    Init {
        /// Its ClusterConfiguration.
        cluster_configuration: &'a str,
        /// Its InitConfiguration.
        init_configuration: &'a str,
    },
    /// Joins the control plane.
    JoinControlPlane {
        /// Its JoinConfiguration.
        join_configuration: &'a str,
    },
    /// Joins as a worker.
    JoinWorker {
        /// Its JoinConfiguration.
        join_configuration: &'a str,
    },
}

/// The user data. `files` are all files to write, certificates included; those of the spec are not looked at.
pub fn user_data(spec: &KubeadmConfigSpec, files: &[File], step: Step<'_>) -> String {
    let size: usize = files.iter().filter_map(|file| file.content.as_ref()).map(String::len).sum();
    let mut out = String::with_capacity(size + size / 8 + 4096);
    out.push_str(HEADER);
    out.push_str("write_files:");
    files.iter().for_each(|file| push_file(&mut out, file));
    push_configuration(&mut out, step);
    out.push('\n');
    out.push_str(PLACEHOLDER);
    if !spec.boot_commands.is_empty() {
        out.push_str("\nbootcmd:");
        push_commands(&mut out, &spec.boot_commands);
    }
    out.push_str("\nruncmd:");
    push_commands(&mut out, &spec.pre_kubeadm_commands);
    push_kubeadm_command(&mut out, step, spec.verbosity);
    push_commands(&mut out, &spec.post_kubeadm_commands);
    if spec.ntp.is_defined() {
        push_ntp(&mut out, &spec.ntp);
    }
    push_users(&mut out, &spec.users);
    if spec.disk_setup.is_defined() {
        push_disks(&mut out, &spec.disk_setup);
    }
    push_mounts(&mut out, &spec.mounts);
    out.push('\n');
    out
}

/// Writes ` key: value` lines. Writing to a string can't fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

fn push_indented(out: &mut String, content: &str) {
    for (number, line) in content.split('\n').enumerate() {
        out.push_str(if number == 0 { "      " } else { "\n      " });
        out.push_str(line);
    }
}

fn set(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Writes `key: value` on a line of its own behind `indent`, if there is a value.
fn push_entry(out: &mut String, indent: &str, key: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        push(out, format_args!("\n{indent}{key}: {value}"));
    }
}

fn push_file(out: &mut String, file: &File) {
    push(out, format_args!("\n-   path: {}", file.path));
    if let Some(encoding) = file.encoding {
        push(out, format_args!("\n    encoding: \"{}\"", encoding.as_str()));
    }
    push_entry(out, "    ", "owner", set(&file.owner));
    if let Some(permissions) = set(&file.permissions) {
        push(out, format_args!("\n    permissions: '{permissions}'"));
    }
    push_entry(out, "    ", "append", file.append);
    out.push_str("\n    content: |\n");
    push_indented(out, file.content.as_deref().unwrap_or_default());
}

fn push_configuration(out: &mut String, step: Step<'_>) {
    const REST: &str = "\n    owner: root:root\n    permissions: '0640'\n    content: |\n";
    let file = match step {
        Step::Init { .. } => INIT_CONFIGURATION_FILE,
        Step::JoinControlPlane { .. } | Step::JoinWorker { .. } => JOIN_CONFIGURATION_FILE,
    };
    push(out, format_args!("\n-   path: {file}{REST}"));
    match step {
        Step::Init { cluster_configuration, init_configuration } => {
            out.push_str("      ---\n");
            push_indented(out, cluster_configuration);
            out.push_str("\n      ---\n");
            push_indented(out, init_configuration);
        }
        Step::JoinControlPlane { join_configuration } => push_indented(out, join_configuration),
        Step::JoinWorker { join_configuration } => {
            out.push_str("      ---\n");
            push_indented(out, join_configuration);
        }
    }
}

fn push_commands(out: &mut String, commands: &[String]) {
    for command in commands {
        push(out, format_args!("\n  - {}", quote(command.as_bytes())));
    }
}

fn push_kubeadm_command(out: &mut String, step: Step<'_>, verbosity: Option<i32>) {
    let flag = verbosity.map(|level| format!("--v {level}")).unwrap_or_default();
    let success = format!("echo success > {SENTINEL_FILE}");
    match step {
        Step::Init { .. } => {
            push(
                out,
                format_args!("\n  - 'kubeadm init --config {INIT_CONFIGURATION_FILE} {flag} && {success}'"),
            );
        }
        Step::JoinControlPlane { .. } | Step::JoinWorker { .. } => {
            push(
                out,
                format_args!("\n  - kubeadm join --config {JOIN_CONFIGURATION_FILE} {flag} && {success}"),
            );
        }
    }
}

fn push_ntp(out: &mut String, ntp: &Ntp) {
    out.push_str("\nntp:");
    push_entry(out, "  ", "enabled", ntp.enabled);
    out.push_str("\n  servers:");
    for server in &ntp.servers {
        push(out, format_args!("\n    - {server}"));
    }
}

fn push_users(out: &mut String, users: &[User]) {
    if users.is_empty() {
        return;
    }
    out.push_str("\nusers:");
    for user in users {
        push(out, format_args!("\n  - name: {}", user.name));
        push_entry(out, "    ", "passwd", set(&user.passwd));
        push_entry(out, "    ", "gecos", set(&user.gecos));
        push_entry(out, "    ", "groups", set(&user.groups));
        push_entry(out, "    ", "homedir", set(&user.home_dir));
        push_entry(out, "    ", "inactive", user.inactive);
        push_entry(out, "    ", "lock_passwd", user.lock_password);
        push_entry(out, "    ", "shell", set(&user.shell));
        push_entry(out, "    ", "primary_group", set(&user.primary_group));
        push_entry(out, "    ", "sudo", set(&user.sudo));
        if !user.ssh_authorized_keys.is_empty() {
            out.push_str("\n    ssh_authorized_keys:");
        }
        for key in &user.ssh_authorized_keys {
            push(out, format_args!("\n      - {key}"));
        }
    }
}

fn push_disks(out: &mut String, disks: &DiskSetup) {
    out.push_str("\ndisk_setup:");
    disks.partitions.iter().for_each(|partition| push_partition(out, partition));
    out.push_str("\nfs_setup:");
    disks.filesystems.iter().for_each(|filesystem| push_filesystem(out, filesystem));
}

fn push_partition(out: &mut String, partition: &Partition) {
    push(out, format_args!("\n  {}:", partition.device));
    push_entry(out, "    ", "table_type", set(&partition.table_type));
    if partition.disk_layout.is_empty() {
        // A layout that is not set prints as Go prints a nil pointer.
        let layout = partition.layout.map_or("<nil>", |layout| if layout { "true" } else { "false" });
        push_entry(out, "    ", "layout", Some(layout));
    } else {
        out.push_str("\n    layout:");
    }
    for part in &partition.disk_layout {
        match set(&part.partition_type) {
            Some(kind) => {
                push(out, format_args!("\n      - [{}, {}]", part.percentage, partition_code(kind)))
            }
            None => push(out, format_args!("\n      - {}", part.percentage)),
        }
    }
    push_entry(out, "    ", "overwrite", partition.overwrite);
}

/// The code that cloud-init knows a partition type by. A GUID is one already.
fn partition_code(kind: &str) -> &str {
    match kind {
        partition_type::LINUX => "83",
        partition_type::LINUX_SWAP => "82",
        partition_type::LINUX_RAID => "fd",
        partition_type::LVM => "8e",
        partition_type::FAT32 => "0c",
        partition_type::NTFS => "07",
        partition_type::LINUX_EXTENDED => "85",
        other => other,
    }
}

fn push_filesystem(out: &mut String, filesystem: &Filesystem) {
    push(out, format_args!("\n  - label: {}", filesystem.label.as_deref().unwrap_or_default()));
    push_entry(out, "    ", "filesystem", Some(&filesystem.filesystem));
    push_entry(out, "    ", "device", Some(&filesystem.device));
    push_entry(out, "    ", "partition", set(&filesystem.partition));
    push_entry(out, "    ", "overwrite", filesystem.overwrite);
    push_entry(out, "    ", "replace_fs", set(&filesystem.replace_fs));
    if !filesystem.extra_opts.is_empty() {
        out.push_str("\n    extra_opts:");
    }
    for option in &filesystem.extra_opts {
        push(out, format_args!("\n      - {option}"));
    }
}

fn push_mounts(out: &mut String, mounts: &[Vec<String>]) {
    if mounts.is_empty() {
        return;
    }
    out.push_str("\nmounts:");
    for mount in mounts {
        out.push_str("\n  - ");
        for field in mount {
            push(out, format_args!("- {field}\n    "));
        }
    }
}
