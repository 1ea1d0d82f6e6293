//! Who may make which call, as the contract says it of each (`option (roles)`).

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};

use crate::pb::{DESCRIPTORS, Role};

/// The roles that may make a call, by its path.
static ROLES: LazyLock<HashMap<String, Vec<Role>>> = LazyLock::new(|| {
    let contract = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    let Some(option) = contract.get_extension_by_name("throughline.v1.roles") else {
        return HashMap::new();
    };
    let calls = contract.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    calls
        .map(|call| {
            let path = format!("/{}/{}", call.parent_service().full_name(), call.name());
            (path, roles_of(&call, &option))
        })
        .collect()
});

fn roles_of(call: &MethodDescriptor, option: &ExtensionDescriptor) -> Vec<Role> {
    let options = call.options();
    let roles = options.get_extension(option);
    let numbers = roles.as_list().unwrap_or_default().iter().filter_map(|it| it.as_enum_number());
    numbers.filter_map(|number| Role::try_from(number).ok()).collect()
}

/// Whether one of the roles may make the call of a path. A call that does not exist is nobody's to
/// refuse.
pub fn may_call(roles: &[Role], path: &str) -> bool {
    let may = |allowed: &Vec<Role>| allowed.iter().any(|role| roles.contains(role));
    roles.contains(&Role::Supervisor) || ROLES.get(path).is_none_or(may)
}
