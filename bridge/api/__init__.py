"""What the control API answers: calls shown, followed and steered, past ones found."""
