# Nodes run as this account: they write logs and metrics and pull images, and nothing else.
resource "google_service_account" "nodes" {
  count = var.cluster ? 1 : 0

  account_id   = "tamis-nodes"
  display_name = "Nodes of the cluster"
}

resource "google_project_iam_member" "nodes" {
  count = var.cluster ? 1 : 0

  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes[0].member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  count = var.cluster ? 1 : 0

  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes[0].member
}

# What Autopilot has by itself (shielded nodes, Workload Identity, network policies, rotation of certificates) is not repeated.
resource "google_container_cluster" "this" {
  #checkov:skip=CKV_GCP_20: no control plane behind an address: it is reached by a name, with IAM's consent (below)
  #checkov:skip=CKV_GCP_21: the labels are the provider's default_labels
  #checkov:skip=CKV_GCP_12: Autopilot enforces network policies by Dataplane V2 and takes no such setting
  #checkov:skip=CKV_GCP_69: Autopilot has GKE's metadata server always and takes no such setting
  #checkov:skip=CKV_GCP_65: groups of an organisation's domain are its own matter
  #checkov:skip=CKV_GCP_61: the subnetwork logs flows; those inside a node are the cloud's dearest log
  count = var.cluster ? 1 : 0

  name                = "tamis"
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = google_compute_network.this.id
  subnetwork          = google_compute_subnetwork.this.id

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  # IAM decides who reaches the control plane, from wherever; no list of addresses, no bastion.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }

    ip_endpoints_config {
      enabled = false
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes[0].email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    }
  }

  release_channel {
    channel = var.release_channel
  }

  # Six hours on Saturdays and Sundays, from 02:00 UTC. GKE asks for 48 hours in any 32 days.
  maintenance_policy {
    recurring_window {
      start_time = "2025-01-04T02:00:00Z"
      end_time   = "2025-01-04T08:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=SA,SU"
    }
  }

  # Collects what monitoring/kubernetes' PodMonitoring names.
  monitoring_config {
    managed_prometheus {
      enabled = true
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS"]
  }

  security_posture_config {
    mode = "BASIC"
  }

  binary_authorization {
    evaluation_mode = "PROJECT_SINGLETON_POLICY_ENFORCE"
  }

  depends_on = [google_project_iam_member.nodes, google_binary_authorization_policy.this]
}

# Images of this project's registry, of GKE itself and those that are named; no others.
resource "google_binary_authorization_policy" "this" {
  count = var.cluster ? 1 : 0

  global_policy_evaluation_mode = "ENABLE"

  dynamic "admission_whitelist_patterns" {
    for_each = concat(["${google_artifact_registry_repository.this.registry_uri}/**"], var.trusted_images)

    content {
      name_pattern = admission_whitelist_patterns.value
    }
  }

  default_admission_rule {
    evaluation_mode  = "ALWAYS_DENY"
    enforcement_mode = "ENFORCED_BLOCK_AND_AUDIT_LOG"
  }

  depends_on = [google_project_service.this]
}

# Workload Identity, without a service account between: the daemon itself needs none.
resource "google_project_iam_member" "metrics_readers" {
  for_each = var.cluster ? var.metrics_readers : []

  project = var.project
  role    = "roles/monitoring.viewer"
  member = format(
    "principal://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s.svc.id.goog/subject/ns/%s/sa/%s",
    data.google_project.this.number, var.project, split("/", each.key)[0], split("/", each.key)[1],
  )

  depends_on = [google_container_cluster.this]
}
