# Logs and metrics are all that the machine's account may write.
resource "google_service_account" "vm" {
  count = var.vm ? 1 : 0

  account_id   = "tamis-vm"
  display_name = "Virtual machine"
}

resource "google_project_iam_member" "vm" {
  for_each = var.vm ? toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"]) : []

  project = var.project
  role    = each.key
  member  = google_service_account.vm[0].member
}

resource "google_artifact_registry_repository_iam_member" "vm" {
  count = var.vm ? 1 : 0

  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.vm[0].member
}

resource "google_compute_instance" "this" {
  count = var.vm ? 1 : 0

  name                      = "tamis-vm"
  zone                      = "${var.region}-${var.vm_zone}"
  machine_type              = var.vm_machine_type
  deletion_protection       = var.deletion_protection
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-12"
      # The image's own size: the binary is 50 MB.
      size = 10
      type = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = google_compute_subnetwork.this.id

    dynamic "access_config" {
      for_each = var.vm_public_address ? ["ephemeral"] : []
      content {}
    }
  }

  service_account {
    email  = google_service_account.vm[0].email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  # IAM says who logs in; no key in any metadata does.
  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
  }

  # A newer image of Debian is no reason to make the machine anew.
  lifecycle {
    ignore_changes = [boot_disk[0].initialize_params[0].image]
  }
}

# ssh from IAP alone. 35.235.240.0/20 is the range of its tunnels.
resource "google_compute_firewall" "ssh" {
  count = var.vm ? 1 : 0

  name                    = "tamis-ssh"
  network                 = google_compute_network.this.id
  source_ranges           = ["35.235.240.0/20"]
  target_service_accounts = [google_service_account.vm[0].email]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "clients" {
  count = var.vm && length(var.client_ranges) > 0 ? 1 : 0

  name                    = "tamis-clients"
  network                 = google_compute_network.this.id
  source_ranges           = var.client_ranges
  target_service_accounts = [google_service_account.vm[0].email]

  allow {
    protocol = "tcp"
    ports    = ["8000"]
  }
}

# Who logs in: people, and the workflow that deploys.
locals {
  logins = { for name, member in merge(
    { for operator in var.operators : operator => operator },
    { for deployer in google_service_account.deployer : "deployer" => deployer.member },
  ) : name => member if var.vm }
}

resource "google_iap_tunnel_instance_iam_member" "this" {
  for_each = local.logins

  zone     = google_compute_instance.this[0].zone
  instance = google_compute_instance.this[0].name
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.value
}

resource "google_compute_instance_iam_member" "this" {
  for_each = local.logins

  zone          = google_compute_instance.this[0].zone
  instance_name = google_compute_instance.this[0].name
  role          = "roles/compute.osAdminLogin"
  member        = each.value
}

# Who is root on a machine can speak as its account; OS Login asks for the right to.
resource "google_service_account_iam_member" "vm" {
  for_each = local.logins

  service_account_id = google_service_account.vm[0].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}
