//! How kubelets, attach controllers and storage drivers word a volume that a
//! pod does not get.

use serde_json::json;

use crate::causes::fixture::Fixture;
use crate::causes::{Case, Findings, storage};

/// Everything that reads such a message.
fn readers(case: &Case<'_>, findings: &mut Findings) {
    super::objects(case, findings);
    super::volumes(case, findings);
    storage::multi_attach(case, findings);
    storage::hung_file_server(case, findings);
}

/// Each event (reason and message) of a waiting pod leads to `cause`; `""` for none.
#[track_caller]
fn check(cause: &str, said: &[(&str, &str)]) {
    let spec = json!({"nodeName": "n1", "containers": [{"name": "app", "image": "i"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let waits = json!({"phase": "Pending", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}}}]});
    let wrong: Vec<String> = said
        .iter()
        .filter_map(|&(reason, message)| {
            let found = Fixture::new()
                .deployment("web", 1, 0, spec.clone())
                .pod("web", "a", spec.clone(), waits.clone())
                .warning("Pod/web-77f-a", reason, message)
                .findings(readers);
            let causes: Vec<String> = found
                .found
                .iter()
                .map(|one| one.cause.to_string())
                .collect();
            let right =
                causes.iter().all(|one| one == cause) && causes.is_empty() == cause.is_empty();
            (!right).then(|| format!("{message}\n    {causes:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{cause}:\n{}", wrong.join("\n"));
}

#[test]
fn mounts_that_fail_are_read_from_every_driver() {
    check(
        "MountVolumeFailed",
        &[
            // NFS: the server answers.
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: access denied by server while mounting 10.0.0.5:/exports/data",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: mounting 10.0.0.5:/exports/x failed, reason given by server: No such file or directory",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount: /var/lib/kubelet/pods/5f/volumes/data: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: requested NFS version or transport protocol is not supported",
            ),
            // Ceph RBD and CephFS
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Aborted desc = an operation with the given Volume ID 0001-0009 already exists",
            ),
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = rbd: map failed with error an error (exit status 110) occurred while running rbd args",
            ),
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = mount failed: exit status 32 Output: mount error: no mds server is up or the cluster is laggy",
            ),
            // iSCSI
            (
                "FailedMount",
                "MountVolume.WaitForAttach failed for volume \"v\" : failed to get any path for iscsi disk, last err seen:\niscsi: failed to sendtargets to portal 10.0.0.5:3260 output: iscsiadm: cannot make connection to 10.0.0.5: Connection refused",
            ),
            (
                "FailedMount",
                "MountVolume.WaitForAttach failed for volume \"v\" : exit status 21: iscsiadm: No records found",
            ),
            // local volumes and host paths
            (
                "FailedMount",
                "MountVolume.NewMounter initialization failed for volume \"local-1\" : path \"/mnt/disks/ssd1\" does not exist",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : hostPath type check failed: /srv/data is not a directory",
            ),
            // file systems
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = format of disk \"/dev/rbd0\" failed: wrong fs type, bad option, bad superblock on /dev/rbd0",
            ),
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = 'fsck' found errors on device /dev/sdb but could not correct them",
            ),
            // CSI
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name rbd.csi.local not found in the list of registered CSI drivers",
            ),
            (
                "FailedAttachVolume",
                "AttachVolume.Attach failed for volume \"pvc-1\" : CSINode n1 does not contain driver rbd.csi.local",
            ),
            (
                "FailedAttachVolume",
                "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            ),
            (
                "FailedAttachVolume",
                "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal desc = volume pvc-1 failed to attach to node n1 with attachmentID csi-5f",
            ),
            (
                "FailedMapVolume",
                "MapVolume.MapPodDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = no such device",
            ),
            // the kubelet's summaries
            (
                "FailedMount",
                "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data kube-api-access-x]: timed out waiting for the condition",
            ),
            (
                "FailedMount",
                "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: context deadline exceeded",
            ),
        ],
    );
}

#[test]
fn file_servers_that_do_not_answer_are_read_from_every_client() {
    check(
        "NetworkFsHung",
        &[
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: Connection timed out",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: No route to host",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs4: Connection refused for 10.0.0.5:/exports/data on /var/lib/kubelet/x",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nOutput: mount.nfs: Failed to resolve server nas.local: Name or service not known",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : stat /var/lib/kubelet/pods/5f/volumes/data: stale NFS file handle",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount error(113): could not connect to 10.0.0.6",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"data\" : mount error(112): Host is down. Refer to the mount.cifs(8) manual page",
            ),
        ],
    );
}

#[test]
fn volumes_that_another_node_holds_are_read_from_every_driver() {
    check(
        "MultiAttach",
        &[
            (
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another",
            ),
            (
                "FailedAttachVolume",
                "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) db-0",
            ),
            (
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = rbd image rbd/csi-vol-1 is still being used",
            ),
            (
                "FailedAttachVolume",
                "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = FailedPrecondition desc = volume pvc-1 is already attached to node n2",
            ),
        ],
    );
}

#[test]
fn objects_that_are_missing_are_read_from_every_version() {
    check(
        "MountObjectMissing",
        &[
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"certs\" : secret \"tls\" not found",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"conf\" : configmap \"settings\" not found",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"certs\" : references non-existent secret key: tls.crt",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"conf\" : configmap references non-existent config key: app.yaml",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"certs\" : Secret \"tls\" not found",
            ),
        ],
    );
}

#[test]
fn a_kubelet_that_has_not_read_an_object_yet_says_nothing_of_volumes() {
    check(
        "",
        &[
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"conf\" : object \"shop\"/\"settings\" not registered",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"conf\" : failed to sync configmap cache: timed out waiting for the condition",
            ),
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"certs\" : failed to sync secret cache: timed out waiting for the condition",
            ),
        ],
    );
}
