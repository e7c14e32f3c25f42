//! Volumes: from class and node over attachment and volume to the claim.

use super::Edges;
use crate::causes::view;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

pub(super) fn add(objects: &Objects, edges: &mut Edges) {
    for claim in &objects.persistent_volume_claims {
        let object = view::reference("PersistentVolumeClaim", claim);
        let Some(spec) = &claim.spec else { continue };
        if let Some(volume) = &spec.volume_name {
            edges.depends(
                ObjectRef::cluster("PersistentVolume", volume),
                object.clone(),
            );
        }
        if let Some(class) = &spec.storage_class_name {
            edges.depends(ObjectRef::cluster("StorageClass", class), object);
        }
    }
    for attachment in objects.customs.of("VolumeAttachment") {
        let object = view::reference("VolumeAttachment", attachment);
        let node = attachment.text("/spec/nodeName");
        let volume = attachment.text("/spec/source/persistentVolumeName");
        if !node.is_empty() && !volume.is_empty() {
            edges.depends(ObjectRef::cluster("Node", node), object.clone());
            edges.depends(object, ObjectRef::cluster("PersistentVolume", volume));
        }
    }
}
