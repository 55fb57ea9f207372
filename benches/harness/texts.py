"""What is asked of every server."""

FEATURES = [5.1, 3.5, 1.4, 0.2]
# The texts of benches/floor.rs.
TEXT_100 = "I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "
TEXT_400 = (
    TEXT_100
    + "The source that you cite is from 1998 and has been superseded, so I would rather keep the older wording "
    "until we find a better one. If nobody objects within a week I will restore the paragraph and add the two "
    "references from the archive. Please let me know what you think about that plan, friend."
)
