"""What only a Lambda function needs: its event, its settings, its batch, its log and metrics."""
