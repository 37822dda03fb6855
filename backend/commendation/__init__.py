"""Commendation (评优推荐): campaigns, nominations, recommendations, clearances, slates and awards."""
