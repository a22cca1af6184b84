"""Files to plans: `pliny.yaml`, plan manifests, frameworks and folders of agents."""
