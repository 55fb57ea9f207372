# The first five are the variables of the workflow's environment, by its names.
output "registry" {
  description = "REGISTRY: where images are pushed to and pulled from, before /tamis."
  value       = google_artifact_registry_repository.this.registry_uri
}

output "cluster" {
  description = "CLUSTER: name of the cluster."
  value       = one(google_container_cluster.this[*].name)
}

output "location" {
  description = "LOCATION: region of the cluster."
  value       = var.region
}

output "workload_identity_provider" {
  description = "WORKLOAD_IDENTITY_PROVIDER: whom a workflow shows its token."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}

output "service_account" {
  description = "SERVICE_ACCOUNT: whom a workflow then speaks as."
  value       = one(google_service_account.deployer[*].email)
}

output "vm" {
  description = "The virtual machine: its name, its zone and its address, for the inventory of deploy/ansible."
  value = one([for vm in google_compute_instance.this : {
    name    = vm.name
    zone    = vm.zone
    address = coalesce(one(vm.network_interface[0].access_config[*].nat_ip), vm.network_interface[0].network_ip)
  }])
}
