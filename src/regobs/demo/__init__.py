"""The main job on real servers: start them, use them, break them, watch the alert arrive and go, stop them."""
