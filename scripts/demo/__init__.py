"""The main job from end to end, on a chain of its own: see `scripts.demo.run`."""
