//! How a machine goes: its processes die, and what stood for them in the API is cleared away by those who notice.

use super::cluster::Cluster;
use super::error::CloudError;
use super::{api, node};

impl Cluster {
    /// Destroys a machine. Its etcd member stays in the list unless it was taken out before. Without a quorum nobody can
    /// clear away its Node and Pods.
    pub(super) async fn delete_machine(&self, name: &str) -> Result<(), CloudError> {
        let (machine, quorum) = {
            let mut state = self.state();
            let Some(machine) = state.machines.remove(name) else { return Ok(()) };
            if let Some(process) = state.processes.remove(name) {
                process.request();
            }
            if let Some((node, _)) = machine.node() {
                state.record.etcd.stop(node);
                state.etcd_tls.remove(node);
            }
            state.refresh();
            (machine, state.record.etcd.has_quorum())
        };
        if let Some((node, _)) = machine.node()
            && quorum
        {
            self.clear_away(node, machine.control_plane).await?;
        }
        self.save_cluster().await?;
        self.save_machine(name).await
    }

    /// As the cloud controller and the garbage collector for Pods would.
    async fn clear_away(&self, node: &str, control_plane: bool) -> Result<(), CloudError> {
        let Some(api) = self.api() else { return Ok(()) };
        if control_plane {
            for component in node::COMPONENTS.into_iter().chain(["etcd"]) {
                api::delete(&api, api::SYSTEM_PODS, &format!("{component}-{node}")).await?;
            }
        }
        for pod in api.reader().list("", "pods", None) {
            if pod["spec"]["nodeName"] == node {
                let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
                api::delete_pod(&api, &text("namespace"), &text("name")).await?;
            }
        }
        api::delete(&api, api::NODE_LEASES, node).await?;
        Ok(api::delete(&api, api::NODES, node).await?)
    }
}
