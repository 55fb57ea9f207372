# What is made of which variables, planned by Terraform and answered by a mock: no project is touched.
mock_provider "google" {}

variables {
  project     = "my-tamis-staging"
  environment = "staging"
}

run "a_cluster_by_default" {
  assert {
    condition     = google_container_cluster.this[0].enable_autopilot && google_container_cluster.this[0].deletion_protection
    error_message = "the cluster is Autopilot's and refuses to be destroyed"
  }

  assert {
    condition     = google_container_cluster.this[0].private_cluster_config[0].enable_private_nodes
    error_message = "nodes have no address on the internet"
  }

  assert {
    condition     = !google_container_cluster.this[0].control_plane_endpoints_config[0].ip_endpoints_config[0].enabled
    error_message = "the control plane has no address"
  }

  assert {
    condition = [for pattern in google_binary_authorization_policy.this[0].admission_whitelist_patterns : pattern.name_pattern] == [
      "${google_artifact_registry_repository.this.registry_uri}/**"
    ]
    error_message = "images of the registry run, and no others"
  }

  assert {
    condition     = length(google_compute_instance.this) == 0 && length(google_compute_firewall.ssh) == 0 && output.vm == null
    error_message = "no virtual machine unless asked for"
  }

  assert {
    condition     = output.workload_identity_provider == null && output.service_account == null
    error_message = "no workflow unless named"
  }

  assert {
    condition     = output.cluster == "tamis" && output.registry == google_artifact_registry_repository.this.registry_uri
    error_message = "the outputs name what there is"
  }
}

run "a_virtual_machine_alone" {
  variables {
    cluster   = false
    vm        = true
    operators = ["user:someone@example.org"]
  }

  assert {
    condition     = length(google_container_cluster.this) == 0 && !contains(keys(google_project_service.this), "container")
    error_message = "no cluster, nor its service"
  }

  assert {
    condition     = length(google_compute_instance.this[0].network_interface[0].access_config) == 0
    error_message = "no address on the internet"
  }

  assert {
    condition     = google_compute_firewall.ssh[0].source_ranges == toset(["35.235.240.0/20"]) && length(google_compute_firewall.clients) == 0
    error_message = "ssh by IAP's tunnels alone, and no client unless named"
  }

  assert {
    condition = google_compute_instance.this[0].metadata == tomap({
      enable-oslogin = "TRUE", block-project-ssh-keys = "TRUE", serial-port-enable = "FALSE"
    })
    error_message = "who logs in is IAM's to say"
  }

  assert {
    condition     = alltrue(values(google_compute_instance.this[0].shielded_instance_config[0]))
    error_message = "the machine is shielded"
  }

  assert {
    condition     = [for login in google_compute_instance_iam_member.this : login.member] == ["user:someone@example.org"]
    error_message = "operators log in, and nobody else"
  }

  assert {
    condition     = toset(keys(google_project_iam_member.vm)) == toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"])
    error_message = "the machine writes logs and metrics, and nothing else"
  }
}

run "clients_that_are_named" {
  variables {
    vm            = true
    client_ranges = ["10.0.0.0/8"]
  }

  assert {
    condition     = google_compute_firewall.clients[0].source_ranges == toset(["10.0.0.0/8"])
    error_message = "those ranges reach the port, and no others"
  }
}

run "a_repository_whose_workflows_deploy" {
  variables {
    vm     = true
    github = { repository = "someone/tamis", repository_id = 42 }
  }

  assert {
    condition = google_iam_workload_identity_pool_provider.github[0].attribute_condition == join(" && ", [
      "assertion.repository == 'someone/tamis'",
      "assertion.repository_id == '42'",
      "(assertion.ref == 'refs/heads/main' || assertion.ref.startsWith('refs/tags/v'))",
    ])
    error_message = "that repository, from its main branch and its releases"
  }

  assert {
    condition     = endswith(google_service_account_iam_member.deployer[0].member, "/attribute.repository_id/42")
    error_message = "its workflows speak as the deployer"
  }

  assert {
    condition     = keys(google_iap_tunnel_instance_iam_member.this) == ["deployer"]
    error_message = "they reach the virtual machine"
  }

  assert {
    condition     = google_project_iam_member.deployer[0].role == "roles/container.developer"
    error_message = "they deploy to the cluster, and change nothing about it"
  }
}

run "readers_of_metrics" {
  variables {
    metrics_readers = ["monitoring/grafana"]
  }

  assert {
    condition     = endswith(google_project_iam_member.metrics_readers["monitoring/grafana"].member, "/subject/ns/monitoring/sa/grafana")
    error_message = "a Kubernetes service account reads metrics as itself"
  }
}
