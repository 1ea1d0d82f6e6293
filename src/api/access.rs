//! Who may make which call, and what is kept of it, as the contract says of each
//! (`option (access)`).

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};

use crate::pb::{Access, DESCRIPTORS, Role};

/// What the contract says of a call.
#[derive(Debug)]
pub struct Call {
    access: Access,
    /// Whether its answer goes on, so that who may make it can change meanwhile.
    pub is_stream: bool,
}

impl Call {
    /// Whether one of the roles may make it.
    pub fn may(&self, roles: &[Role]) -> bool {
        self.access.roles().any(|role| roles.contains(&role))
    }
}

/// The calls, by their paths.
static CALLS: LazyLock<HashMap<String, Call>> = LazyLock::new(|| {
    let contract = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    let Some(option) = contract.get_extension_by_name("throughline.v1.access") else {
        return HashMap::new();
    };
    let calls = contract.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    calls
        .map(|call| {
            let path = format!("/{}/{}", call.parent_service().full_name(), call.name());
            let access = access_of(&call, &option);
            (path, Call { access, is_stream: call.is_server_streaming() })
        })
        .collect()
});

fn access_of(call: &MethodDescriptor, option: &ExtensionDescriptor) -> Access {
    let options = call.options();
    let access = options.get_extension(option);
    access.as_message().and_then(|access| access.transcode_to().ok()).unwrap_or_default()
}

/// The call of a path.
pub fn call(path: &str) -> Option<&'static Call> {
    CALLS.get(path)
}

/// Whether one of the roles may make the call of a path. A call of which the contract says nothing
/// is the supervisor's alone, who hears whether it exists.
pub fn may_call(roles: &[Role], path: &str) -> bool {
    call(path).map_or_else(|| roles.contains(&Role::Supervisor), |call| call.may(roles))
}
