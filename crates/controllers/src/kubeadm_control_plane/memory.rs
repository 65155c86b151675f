//! What workload clusters said, kept as long as nothing that it depends on changes: asking again costs a tunnel. And what
//! was read from a kubeconfig, which costs as much as a whole decision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use decide::kubeadm_control_plane::{Addons, EtcdView};
use jiff::Timestamp;
use runtime::key::Key;

/// Answers of workload clusters, by the key of their KubeadmControlPlane. Clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    answers: Arc<Mutex<BTreeMap<Key, Answers>>>,
}

#[derive(Default)]
struct Answers {
    /// What etcd said, and what it depended on.
    etcd: Option<(String, EtcdView)>,
    /// The add-ons, and what they were looked at for.
    addons: Option<(String, Addons)>,
    /// When the client certificate in the kubeconfig ends, and in which version of the Secret.
    kubeconfig_expires: Option<(String, Option<Timestamp>)>,
    /// Machines whose API server could not be asked about its certificate, and when.
    silent: BTreeMap<String, Timestamp>,
}

impl Memory {
    fn answers(&self) -> MutexGuard<'_, BTreeMap<Key, Answers>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What etcd said, if it still depends on the same.
    pub fn etcd(&self, key: &Key, fingerprint: &str) -> Option<EtcdView> {
        let answers = self.answers();
        let (known, view) = answers.get(key)?.etcd.as_ref()?;
        (known == fingerprint).then(|| view.clone())
    }

    /// Keeps what etcd said.
    pub fn put_etcd(&self, key: &Key, fingerprint: String, view: EtcdView) {
        self.answers().entry(key.clone()).or_default().etcd = Some((fingerprint, view));
    }

    /// The add-ons, if they were looked at for the same.
    pub fn addons(&self, key: &Key, wanted: &str) -> Option<Addons> {
        let answers = self.answers();
        let (known, addons) = answers.get(key)?.addons.as_ref()?;
        (known == wanted).then(|| addons.clone())
    }

    /// Keeps the add-ons.
    pub fn put_addons(&self, key: &Key, wanted: String, addons: Addons) {
        self.answers().entry(key.clone()).or_default().addons = Some((wanted, addons));
    }

    /// When the client certificate ends in this version of the kubeconfig, if that was looked at before.
    pub fn kubeconfig_expires(&self, key: &Key, version: &str) -> Option<Option<Timestamp>> {
        let answers = self.answers();
        let (known, expires) = answers.get(key)?.kubeconfig_expires.as_ref()?;
        (known == version).then_some(*expires)
    }

    /// Keeps when the client certificate ends.
    pub fn put_kubeconfig_expires(&self, key: &Key, version: String, expires: Option<Timestamp>) {
        self.answers().entry(key.clone()).or_default().kubeconfig_expires = Some((version, expires));
    }

    /// Machines whose API server could not be asked about its certificate after `since`, and when.
    pub fn silent(&self, key: &Key, since: Timestamp) -> Vec<(String, Timestamp)> {
        let mut answers = self.answers();
        let Some(answers) = answers.get_mut(key) else { return Vec::new() };
        answers.silent.retain(|_, asked| *asked > since);
        answers.silent.iter().map(|(machine, asked)| (machine.clone(), *asked)).collect()
    }

    /// Keeps when the API server of a Machine could not be asked.
    pub fn put_silent(&self, key: &Key, machine: &str, asked: Timestamp) {
        self.answers().entry(key.clone()).or_default().silent.insert(machine.to_owned(), asked);
    }

    /// Forgets everything about a KubeadmControlPlane that is gone.
    pub fn forget(&self, key: &Key) {
        self.answers().remove(key);
    }
}
