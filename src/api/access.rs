//! Who may make which call, as the contract says it of each (`option (roles)`).

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};

use crate::pb::{DESCRIPTORS, Role};

/// What the contract says of a call.
struct Call {
    /// Who may make it beside the supervisor.
    roles: Vec<Role>,
    /// Whether its answer goes on, so that who may make it can change meanwhile.
    is_stream: bool,
}

/// The calls, by their paths.
static CALLS: LazyLock<HashMap<String, Call>> = LazyLock::new(|| {
    let contract = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    let Some(option) = contract.get_extension_by_name("throughline.v1.roles") else {
        return HashMap::new();
    };
    let calls = contract.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    calls
        .map(|call| {
            let path = format!("/{}/{}", call.parent_service().full_name(), call.name());
            let roles = roles_of(&call, &option);
            (path, Call { roles, is_stream: call.is_server_streaming() })
        })
        .collect()
});

fn roles_of(call: &MethodDescriptor, option: &ExtensionDescriptor) -> Vec<Role> {
    let options = call.options();
    let roles = options.get_extension(option);
    let numbers = roles.as_list().unwrap_or_default().iter().filter_map(|it| it.as_enum_number());
    numbers.filter_map(|number| Role::try_from(number).ok()).collect()
}

/// Whether one of the roles may make the call of a path. A call of which the contract says nothing
/// is the supervisor's alone, who hears whether it exists.
pub fn may_call(roles: &[Role], path: &str) -> bool {
    let may = |call: &Call| call.roles.iter().any(|role| roles.contains(role));
    roles.contains(&Role::Supervisor) || CALLS.get(path).is_some_and(may)
}

/// Whether the answer of a call goes on.
pub fn is_stream(path: &str) -> bool {
    CALLS.get(path).is_some_and(|call| call.is_stream)
}
