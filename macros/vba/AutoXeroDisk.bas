Attribute VB_Name = "AutoXeroDisk"
Option Explicit

' Writes requests into the agent's inbox. Nothing else in this project touches files but Excel's own Save.

Private Const PATIENCE As Single = 2
Private Const SECONDS_A_DAY As Single = 86400

' Hands a request to the agent; False when it was not taken in two seconds and has been withdrawn.
Public Function IsTaken(ByVal folder As String, ByVal text As String) As Boolean
    Dim request As String
    Dim started As Single
    request = folder & Application.PathSeparator & NewId()
    If Not IsWritten(request, text) Then Exit Function
    started = Timer
    Do While Dir$(request & ".taken") = "" And Waited(started) < PATIENCE
        DoEvents
    Loop
    IsTaken = Dir$(request & ".taken") <> ""
    If Not IsTaken Then IsTaken = Not IsWithdrawn(request)
End Function

' The time is not in it: the agent goes by the file's own, which is right in every zone.
Private Function IsWritten(ByVal request As String, ByVal text As String) As Boolean
    Dim file As Integer
    On Error GoTo Failed
    file = FreeFile
    Open request & ".tmp" For Output As #file
    Print #file, text;
    Close #file
    Name request & ".tmp" As request & ".request"
    IsWritten = True
    Exit Function
Failed:
    Close
End Function

' False where the agent took it in the last moment: then it must not be done a second time.
Private Function IsWithdrawn(ByVal request As String) As Boolean
    On Error GoTo Failed
    Kill request & ".request"
    IsWithdrawn = Dir$(request & ".taken") = ""
Failed:
End Function

' Seconds since then, past midnight too.
Private Function Waited(ByVal started As Single) As Single
    Waited = Timer - started
    If Waited < 0 Then Waited = Waited + SECONDS_A_DAY
End Function

' A new id such as 1a2b3c4d-0000-1111-2222-333344445555: the second, then chance.
Private Function NewId() As String
    Randomize
    NewId = LCase$(Right$("0000000" & Hex$(DateDiff("s", #1/1/2020#, Now)), 8) & "-" & Chance() & "-" & Chance() & "-" _
        & Chance() & "-" & Chance() & Chance() & Chance())
End Function

Private Function Chance() As String
    Chance = Right$("000" & Hex$(Int(Rnd * 65536)), 4)
End Function

' Whether the workbook is open for reading only. Programs that cannot tell are asked to save, and say so themselves.
Public Function IsReadOnly() As Boolean
    On Error Resume Next
    IsReadOnly = ThisWorkbook.ReadOnly
End Function
