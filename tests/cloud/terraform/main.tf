# The environment that every feature is tried on: what a team built by hand in us-east-2, as they would have written it.

variable "administrators" {
  description = "From where the instances may be logged in to."
  type        = list(string)
  default     = ["198.51.100.0/24", "203.0.113.7/32"]
}

variable "idle_timeout" {
  description = "Seconds; a run changes it to see an update in place."
  type        = number
  default     = 60
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

data "aws_ami" "linux" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-ami-2023*"]
  }
  filter {
    name   = "architecture"
    values = ["x86_64"]
  }
}

locals {
  subnets = slice(sort(data.aws_subnets.default.ids), 0, 2)
}

resource "aws_security_group" "front" {
  name        = "chatmrpt-staging-alb"
  description = "HTTP from anywhere"
  vpc_id      = data.aws_vpc.default.id
}

resource "aws_vpc_security_group_ingress_rule" "http" {
  security_group_id = aws_security_group.front.id
  description       = "HTTP"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "everywhere" {
  security_group_id = aws_security_group.front.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

# With its rules inside, as older configurations have them.
resource "aws_security_group" "instances" {
  name        = "chatmrpt-staging-instances"
  description = "The application from the load balancer, logins from the administrators"
  vpc_id      = data.aws_vpc.default.id

  ingress {
    description     = "application"
    protocol        = "tcp"
    from_port       = 8080
    to_port         = 8080
    security_groups = [aws_security_group.front.id]
  }
  ingress {
    description = "logins"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = var.administrators
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  count                  = 2
  ami                    = data.aws_ami.linux.id
  instance_type          = "t3.medium"
  subnet_id              = local.subnets[count.index]
  vpc_security_group_ids = [aws_security_group.instances.id]
  user_data              = "#!/bin/sh\nsystemctl start chatmrpt\n"

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = 30
  }
  tags = { Name = "chatmrpt-staging-${count.index + 1}" }
}

resource "aws_lb" "front" {
  name               = "chatmrpt-staging-alb"
  load_balancer_type = "application"
  internal           = false
  security_groups    = [aws_security_group.front.id]
  subnets            = local.subnets
  idle_timeout       = var.idle_timeout
}

resource "aws_lb_target_group" "web" {
  name                 = "chatmrpt-staging-targets"
  protocol             = "HTTP"
  port                 = 8080
  vpc_id               = data.aws_vpc.default.id
  deregistration_delay = 60

  health_check {
    path     = "/health"
    interval = 30
    matcher  = "200"
  }
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 86400
  }
}

resource "aws_lb_target_group_attachment" "web" {
  count            = 2
  target_group_arn = aws_lb_target_group.web.arn
  target_id        = aws_instance.web[count.index].id
  port             = 8080
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.front.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_lb_listener_rule" "closed" {
  listener_arn = aws_lb_listener.http.arn
  priority     = 10

  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "not here"
      status_code  = "404"
    }
  }
  condition {
    path_pattern {
      values = ["/internal/*"]
    }
  }
}

output "address" {
  value = aws_lb.front.dns_name
}

output "instances" {
  value = aws_instance.web[*].id
}
