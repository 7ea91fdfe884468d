"""What you see: Textual screens over the functions of `api`; opens no file, starts no process.

Textual reads its knobs from the environment when it is imported, so they are set here, before any module
of this room can import it. A knob that the user has set stays.
"""

import os

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
os.environ.setdefault("ESCDELAY", "50")  # ms that esc waits for the rest of a key sequence
if "SSH_CONNECTION" in os.environ:
    os.environ.setdefault("TEXTUAL_FPS", "30")  # 60 by default: more than a thin line carries
